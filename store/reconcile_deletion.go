package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// DeletesHalf reports whether the records are half or more of the items of the type that are shown,
// if at least least are. It returns how many of the records are shown, too.
func (s *Store) DeletesHalf(
	ctx context.Context, tenant string, t AbsentType, refs []dossier.Ref, least int64,
) (half bool, named int64, err error) {
	const count = `
		SELECT count(*)
		FROM items
		WHERE tenant = @tenant AND key = ANY(@keys) AND stream = @stream AND type = @type
		  AND state = 'shown'`
	// More than that need not be counted.
	const shown = `
		SELECT count(*)
		FROM (
			SELECT FROM items
			WHERE tenant = @tenant AND stream = @stream AND type = @type AND state = 'shown'
			LIMIT @most) i`
	args := pgx.StrictNamedArgs{"tenant": tenant, "stream": t.Stream, "type": t.Type}
	all := int64(0)
	keys := pgx.StrictNamedArgs{"tenant": tenant, "stream": t.Stream, "type": t.Type,
		"keys": keysOfRefs(tenant, refs)}
	err = s.pool.QueryRow(ctx, count, keys).Scan(&named)
	if err == nil && 2*named >= least {
		args["most"] = 2*named + 1
		err = s.pool.QueryRow(ctx, shown, args).Scan(&all)
	}
	if err != nil {
		return false, 0, fmt.Errorf("count deletions of %s: %w", tenant, err)
	}
	return all >= least && 2*named >= all, named, nil
}

// AddDeletions notes the records, which a feed of deletions names, as suspects, where an item of
// them is shown. What is held, kept or approved stays so. It fails with [ErrFenced].
func (s *Store) AddDeletions(ctx context.Context, c Claim, t AbsentType, refs []dossier.Ref) error {
	const q = `
		INSERT INTO absences (tenant, key, stream, type, id, state, named)
		SELECT tenant, key, stream, type, id, 'suspect', true
		FROM items
		WHERE tenant = @tenant AND key = ANY(@keys) AND stream = @stream AND type = @type
		  AND state = 'shown'
		ON CONFLICT (tenant, key) DO UPDATE SET
			named = true,
			missing = 'record',
			tried = NULL`
	args := t.args(c, pgx.StrictNamedArgs{"keys": keysOfRefs(c.Run.Tenant, refs)})
	if err := s.asClaimant(ctx, c, q, args); err != nil {
		return fmt.Errorf("note deletions of %s: %w", c.Run.Tenant, err)
	}
	return nil
}

func keysOfRefs(tenant string, refs []dossier.Ref) []string {
	keys := make([]string, 0, len(refs))
	for _, ref := range refs {
		keys = append(keys, dossier.Key(tenant, ref))
	}
	return keys
}
