package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// Withholding is an operator's decision to keep a client or an item from readers, whatever the
// source says. It holds from the next request on until it is released, also for a client or an item
// that is not stored yet.
//
// The views open_dossiers and shown_items of migration answers have no withheld client and no withheld
// item; the policies of the tables clients and items say the same. Rendering treats a withheld item as hidden: see [surroundings]. An item
// whose stored shape may hold words of a withheld one is out too, until it has been rendered again;
// table withheld_within holds its key.
type Withholding struct {
	ID           int64      `json:"id"`
	Tenant       string     `json:"tenant"`
	Client       string     `json:"client"` // empty: an item
	Item         string     `json:"item"`   // its key, which is the portal's id; empty: a client
	Ref          string     `json:"ref"`    // TYPE/ID of the item in the source; empty: a client, or not stored
	Since        time.Time  `json:"since"`
	By           string     `json:"by"` // the operator
	Note         string     `json:"note"`
	Released     *time.Time `json:"released"`
	ReleasedBy   *string    `json:"releasedBy"`
	ReleasedNote *string    `json:"releasedNote"`
}

// decision returns what is recorded of the withholding or of its release.
func (w *Withholding) decision(what DecisionKind, by, note string) Decision {
	object := "item/" + w.Item
	if w.Client != "" {
		// The key, so that an erasure of the client finds the decision.
		ref := dossier.ClientRef(w.Client)
		object = ref.Type + "/" + dossier.Key(w.Tenant, ref)
	}
	return Decision{Tenant: w.Tenant, By: by, What: what, Object: object, Reason: note}
}

// notWithheld is true for a row of items that no operator withholds.
const notWithheld = `NOT EXISTS (
				SELECT FROM withheld w
				WHERE w.tenant = @tenant AND w.item = items.key AND w.released IS NULL)`

const withholdingColumns = `id, tenant, coalesce(client, ''), coalesce(item, ''),
		coalesce((
			SELECT i.type || '/' || i.id
			FROM items i
			WHERE i.tenant = withheld.tenant AND i.key = withheld.item), ''),
		since, by, note, released, released_by, released_note`

// ofTarget is true for the withholding in force of a client or of an item.
const ofTarget = `
		tenant = @tenant
		AND (@client <> '' AND client = @client OR @item <> '' AND item = @item)
		AND released IS NULL`

// Withhold keeps the client or the item that w names from readers, and returns the withholding in
// force. If there was one already, it stays as it is and created is false. It returns once no
// answer can hold anything of it, except words in items that a batch is storing at this moment:
// [Store.MarkWithin] sees to those.
func (s *Store) Withhold(ctx context.Context, w Withholding) (stored Withholding, created bool, err error) {
	const put = `
		INSERT INTO withheld (tenant, client, item, since, by, note)
		VALUES (@tenant, nullif(@client, ''), nullif(@item, ''), coalesce(@since, clock_timestamp()),
		        @by, @note)
		ON CONFLICT DO NOTHING`
	const find = `SELECT ` + withholdingColumns + ` FROM withheld WHERE` + ofTarget
	err = inTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, put, pgx.StrictNamedArgs{"tenant": w.Tenant, "client": w.Client, "item": w.Item,
			"since": timeOrNull(w.Since), "by": w.By, "note": w.Note})
		if err != nil {
			return err
		}
		created = tag.RowsAffected() == 1
		stored, err = queryOne(ctx, tx, pgx.RowToStructByPos[Withholding], find, pgx.StrictNamedArgs{
			"tenant": w.Tenant, "client": w.Client, "item": w.Item})
		if err != nil {
			return err
		}
		if created {
			if err := recordDecision(ctx, tx, w.decision(DecisionWithhold, w.By, w.Note)); err != nil {
				return err
			}
		}
		return markWithin(ctx, tx, &stored)
	})
	if err != nil {
		return Withholding{}, false, fmt.Errorf("withhold from readers of %s: %w", w.Tenant, err)
	}
	return stored, created, nil
}

// Release ends the withholding in force of the client or the item that w names: readers see it
// again as the source has it. w.By and w.Note are those of the release. It fails with [ErrNotFound]
// if nothing such is withheld.
func (s *Store) Release(ctx context.Context, w Withholding) (Withholding, error) {
	const release = `
		UPDATE withheld
		SET released = clock_timestamp(), released_by = @by, released_note = @note
		WHERE` + ofTarget + `
		RETURNING ` + withholdingColumns
	const within = `
		DELETE FROM withheld_within
		WHERE tenant = @tenant
		  AND item = @item
		RETURNING key`
	const stale = `
		INSERT INTO stale (tenant, key)
		SELECT @tenant, key
		FROM (` + holders + `) h
		ON CONFLICT DO NOTHING`
	var out Withholding
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := awaitBatch(ctx, tx, w.Tenant); err != nil { // which writes stale too
			return err
		}
		var err error
		out, err = queryOne(ctx, tx, pgx.RowToStructByPos[Withholding], release, pgx.StrictNamedArgs{
			"tenant": w.Tenant, "client": w.Client, "item": w.Item, "by": w.By, "note": w.Note})
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := recordDecision(ctx, tx, out.decision(DecisionRelease, w.By, w.Note)); err != nil {
			return err
		}
		args := pgx.StrictNamedArgs{"tenant": w.Tenant, "item": out.Item}
		keys, err := queryList(ctx, tx, pgx.RowTo[string], within, args)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, stale, args); err != nil {
			return err
		}
		return raiseWithheld(ctx, tx, &out, keys)
	})
	if err != nil {
		return Withholding{}, fmt.Errorf("release what is withheld of %s: %w", w.Tenant, err)
	}
	return out, nil
}

// holders finds the items whose shape may hold words of @item: the items that name it and, of a
// part of a care plan, the plans that it names, and so on from these. Items that are not part of a
// care plan have a link to the plan only.
const holders = `
		WITH RECURSIVE holders (key) AS (
			SELECT @item::text COLLATE "C"
			UNION
			SELECT n.key
			FROM holders h
			LEFT JOIN items i ON i.tenant = @tenant AND i.key = h.key
			CROSS JOIN LATERAL (
				SELECT r.key
				FROM refs r
				WHERE r.tenant = @tenant AND r.target = h.key
				UNION ALL
				SELECT r.key
				FROM definitions d
				JOIN refs r ON r.tenant = @tenant AND r.target = d.alias
				WHERE d.tenant = @tenant AND d.key = h.key
				UNION ALL
				SELECT r.target
				FROM refs r
				WHERE r.tenant = @tenant AND r.key = h.key AND i.stream = 'care-plans') r
			JOIN items n ON n.tenant = @tenant AND n.key = r.key
			WHERE n.state = 'shown'
			  AND n.stream <> 'clients'
			  AND (i.stream IS DISTINCT FROM 'care-plans' OR n.stream = 'care-plans'))
		SELECT key
		FROM holders
		WHERE key <> @item
		ORDER BY key`

// markWithin takes the items that may hold words of the withheld one from readers until they have
// been rendered again, and raises the change number of every dossier that looks different now.
func markWithin(ctx context.Context, tx pgx.Tx, w *Withholding) error {
	const q = `
		INSERT INTO withheld_within (tenant, key, item)
		SELECT @tenant, key, @item
		FROM (` + holders + `) h
		ON CONFLICT DO NOTHING
		RETURNING key`
	var keys []string
	if w.Item != "" {
		var err error
		keys, err = queryList(ctx, tx, pgx.RowTo[string], q, pgx.StrictNamedArgs{"tenant": w.Tenant, "item": w.Item})
		if err != nil {
			return err
		}
	}
	return raiseWithheld(ctx, tx, w, keys)
}

// raiseWithheld raises the change number of the client, and of the clients of the item and of the
// items with the keys. It must be the last statement; see [raiseChange].
func raiseWithheld(ctx context.Context, tx pgx.Tx, w *Withholding, keys []string) error {
	const clients = `
		SELECT DISTINCT client
		FROM items
		WHERE tenant = @tenant AND key = ANY(@keys) AND client IS NOT NULL
		ORDER BY client`
	args := pgx.StrictNamedArgs{"tenant": w.Tenant, "keys": append(keys, w.Item)}
	list, err := queryList(ctx, tx, pgx.RowTo[string], clients, args)
	if err != nil {
		return err
	}
	if w.Client != "" {
		list = append(list, w.Client)
	}
	return raiseChange(ctx, tx, w.Tenant, list)
}

// MarkWithin waits for the batch that is being stored, which may have begun before the item of w
// was withheld, and takes the items from readers that hold words of it since.
func (s *Store) MarkWithin(ctx context.Context, w Withholding) error {
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := awaitBatch(ctx, tx, w.Tenant); err != nil {
			return err
		}
		return markWithin(ctx, tx, &w)
	})
	if err != nil {
		return fmt.Errorf("look for words of what is withheld of %s: %w", w.Tenant, err)
	}
	return nil
}

// awaitBatch waits for the batch of the tenant that is being stored and for another call, and keeps
// others from beginning until the transaction ends: two that render the same item at once would
// store one of the two shapes only.
func awaitBatch(ctx context.Context, tx pgx.Tx, tenant string) error {
	const patience = `SET LOCAL lock_timeout = '20s'`
	const alone = `
		SELECT pg_advisory_xact_lock(hashtextextended('dossiersync withheld of ' || @tenant, 0))`
	const hold = `
		SELECT
		FROM runs
		WHERE tenant = @tenant
		  AND state <> 'done'
		ORDER BY id
		FOR UPDATE`
	if _, err := tx.Exec(ctx, patience); err != nil {
		return err
	}
	for _, q := range []string{alone, hold} {
		if _, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": tenant}); err != nil {
			return err
		}
	}
	return nil
}

// RerenderWithheld renders up to limit items again because of what is withheld or was released, and
// returns how many there were; 0: none is left. Unlike [Store.Rerender] it needs no run, and so no
// source.
func (s *Store) RerenderWithheld(ctx context.Context, tenant string, r Renderer, limit int) (int, error) {
	var n int
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := awaitBatch(ctx, tx, tenant); err != nil {
			return err
		}
		var err error
		n, err = rerenderMarked(ctx, tx, tenant, r, limit)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("render again what is around what is withheld of %s: %w", tenant, err)
	}
	return n, nil
}

// Withheld returns what is withheld now of a tenant, or of all tenants if tenant is empty, the
// oldest first.
func (s *Store) Withheld(ctx context.Context, tenant string) ([]Withholding, error) {
	return s.withholdings(ctx, `(@tenant = '' OR tenant = @tenant) AND released IS NULL`,
		pgx.StrictNamedArgs{"tenant": tenant})
}

// Withholdings returns what was ever withheld of a tenant, or of all tenants if tenant is empty,
// the oldest first.
func (s *Store) Withholdings(ctx context.Context, tenant string) ([]Withholding, error) {
	return s.withholdings(ctx, `@tenant = '' OR tenant = @tenant`, pgx.StrictNamedArgs{"tenant": tenant})
}

func (s *Store) withholdings(ctx context.Context, where string, args pgx.StrictNamedArgs) ([]Withholding, error) {
	q := `
		SELECT ` + withholdingColumns + `
		FROM withheld
		WHERE ` + where + `
		ORDER BY tenant, since, id`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Withholding], q, args)
	if err != nil {
		return nil, fmt.Errorf("read what is withheld: %w", err)
	}
	return list, nil
}
