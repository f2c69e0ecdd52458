package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// DeletionShare returns how many items of the type are shown, and how many of the records are
// among them.
func (s *Store) DeletionShare(
	ctx context.Context, tenant string, t AbsentType, refs []dossier.Ref,
) (named, shown int64, err error) {
	const q = `
		SELECT count(*) FILTER (WHERE key = ANY(@keys)), count(*)
		FROM items
		WHERE tenant = @tenant AND stream = @stream AND type = @type AND state = 'shown'`
	err = s.pool.QueryRow(ctx, q, pgx.StrictNamedArgs{"tenant": tenant, "stream": t.Stream, "type": t.Type,
		"keys": keysOfRefs(tenant, refs)}).Scan(&named, &shown)
	if err != nil {
		return 0, 0, fmt.Errorf("count deletions of %s: %w", tenant, err)
	}
	return named, shown, nil
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
