package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dossiersync/store/dossier"

	"github.com/jackc/pgx/v5"
)

// Extent is how far a cause of attention reaches: its parts, such as held sets or types,
// each with its size.
type Extent map[string]int64

// Covers reports whether e has every part of the other extent, at no smaller size.
func (e Extent) Covers(other Extent) bool {
	for part, size := range other {
		if mine, ok := e[part]; !ok || mine < size {
			return false
		}
	}
	return true
}

// Acknowledgement is an operator's word that a cause of attention is known. It covers the
// cause until its end, as long as [Extent.Covers] holds.
type Acknowledgement struct {
	Tenant string    `json:"-"`
	Code   string    `json:"-"`
	Extent Extent    `json:"-"`
	By     string    `json:"by"` // an operator's name
	Note   string    `json:"note"`
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"`
}

// Acknowledge stores an acknowledgement in place of the cause's earlier one, and records the
// decision. At is ignored. It fails with [ErrNotFound] if the tenant is not known.
func (s *Store) Acknowledge(ctx context.Context, a Acknowledgement) error {
	const q = `
		INSERT INTO acknowledgements (tenant, code, extent, until, by, note)
		SELECT id, @code, @extent, @until, @by, @note
		FROM tenants
		WHERE id = @tenant
		ON CONFLICT (tenant, code) DO UPDATE SET
			extent = excluded.extent,
			at = now(),
			until = excluded.until,
			by = excluded.by,
			note = excluded.note`
	err := inTx(ctx, s.pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, q, pgx.StrictNamedArgs{"tenant": a.Tenant, "code": a.Code, "extent": a.Extent,
			"until": a.Until, "by": a.By, "note": a.Note})
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotFound
		}
		return recordDecision(ctx, tx, Decision{Tenant: a.Tenant, By: a.By, What: DecisionAcknowledge,
			Object: fmt.Sprintf("%s until %s", a.Code, a.Until.UTC().Format(time.RFC3339)), Reason: a.Note})
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("acknowledge %s of %s: %w", a.Code, a.Tenant, err)
	}
	return err
}

// Acknowledgements returns the acknowledgements that have not ended.
func (s *Store) Acknowledgements(ctx context.Context) ([]Acknowledgement, error) {
	const q = `
		SELECT tenant, code, extent, by, note, at, until
		FROM acknowledgements
		WHERE until > now()`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[Acknowledgement], q)
	if err != nil {
		return nil, fmt.Errorf("read what is acknowledged: %w", err)
	}
	return list, nil
}

// UnreadType is a type that a tenant's last run could not read.
type UnreadType struct {
	TypeID
	Failure string
	Kind    string     // of the failure; see sync/source
	Named   bool       // the configuration names the type
	Done    bool       // the run took it for a type that the source does not have
	WasRead bool       // some of it was read before
	AsOf    *time.Time // when it was last read to the end; nil: never
	Run     int64
	Ended   time.Time // the run
}

// lastWhole selects the last whole runs of tenant t that ended and were not cancelled, and
// lastComparing the last of those and of the reconciles of everything.
const (
	lastWhole     = lastEnded + wholeScope + newestFirst
	lastComparing = lastEnded + `(` + wholeScope + ` OR scope = '{"only": "reconcile"}')` + newestFirst

	lastEnded = `
			SELECT` + runColumns + `, left_over
			FROM runs
			WHERE tenant = t.id
			  AND state = 'done'
			  AND outcome <> 'cancelled'
			  AND `
	newestFirst = `
			ORDER BY id DESC
			LIMIT `
)

// UnreadTypes returns by tenant the types that its last whole run could not read, and that no
// other run has read since.
func (s *Store) UnreadTypes(ctx context.Context) (map[string][]UnreadType, error) {
	const q = `
		SELECT t.id, r.stream, r.type, r.query, r.failure, coalesce(r.failure_kind, ''), r.named, r.done,
			coalesce(k.upto IS NOT NULL OR k.as_of IS NOT NULL, false), k.as_of,
			w.id, w.finished_at
		FROM tenants t
		CROSS JOIN LATERAL (` + lastWhole + `1) w
		JOIN run_types r ON r.run = w.id AND r.failure IS NOT NULL
		LEFT JOIN cursors k ON k.tenant = t.id AND k.client = ''
			AND (k.stream, k.type, k.query) = (r.stream, r.type, r.query)
		WHERE k.as_of IS NULL OR k.as_of < r.as_of
		ORDER BY t.id, r.ordinal`
	rows, err := s.pool.Query(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read the types that could not be read: %w", err)
	}
	all := make(map[string][]UnreadType)
	var tenant string
	var u UnreadType
	_, err = pgx.ForEachRow(rows, []any{&tenant, &u.Stream, &u.Type, &u.Query, &u.Failure, &u.Kind, &u.Named, &u.Done,
		&u.WasRead, &u.AsOf, &u.Run, &u.Ended}, func() error {
		all[tenant] = append(all[tenant], u)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the types that could not be read: %w", err)
	}
	return all, nil
}

// EndedRun is a run that has ended, with what kept it from being complete.
type EndedRun struct {
	Run
	LeftOver LeftOver
}

func scanEndedRun(row pgx.CollectableRow) (r EndedRun, err error) {
	err = row.Scan(append(r.fields(), &r.LeftOver)...)
	return r, err
}

// EndedRuns returns by tenant its last whole runs that ended and were not cancelled, two at
// most, the newest first.
func (s *Store) EndedRuns(ctx context.Context) (map[string][]EndedRun, error) {
	const q = `
		SELECT w.*
		FROM tenants t
		CROSS JOIN LATERAL (` + lastWhole + `2) w
		ORDER BY w.id DESC`
	list, err := queryList(ctx, s.pool, scanEndedRun, q)
	if err != nil {
		return nil, fmt.Errorf("read the last whole runs: %w", err)
	}
	all := make(map[string][]EndedRun)
	for _, r := range list {
		all[r.Tenant] = append(all[r.Tenant], r)
	}
	return all, nil
}

// LastCompared returns by tenant the last run that ended, was not cancelled, and was a whole run or a
// reconcile of everything.
func (s *Store) LastCompared(ctx context.Context) (map[string]EndedRun, error) {
	const q = `
		SELECT w.*
		FROM tenants t
		CROSS JOIN LATERAL (` + lastComparing + `1) w`
	list, err := queryList(ctx, s.pool, scanEndedRun, q)
	if err != nil {
		return nil, fmt.Errorf("read the last comparisons: %w", err)
	}
	all := make(map[string]EndedRun)
	for _, r := range list {
		all[r.Tenant] = r
	}
	return all, nil
}

// UnreadableType is a type of which more than half of the records say nothing that can be shown.
type UnreadableType struct {
	Tenant string
	Stream dossier.Stream
	Type   string
	Hidden int64 // records that are hidden for a reason that the source did not state
	Of     int64 // records in all
}

// UnreadableTypes returns the types with at least so many records of which more than half are hidden
// for a reason that the source did not state: no content, no client, an unknown status.
func (s *Store) UnreadableTypes(ctx context.Context, least int64) (map[string][]UnreadableType, error) {
	const q = `
		SELECT h.tenant, h.stream, h.type, h.items, n.records
		FROM (
			SELECT tenant, stream, type, count(*) AS items
			FROM items
			WHERE state = 'hidden'
			  AND reason IN ('empty', 'no-client', 'not-a-document', 'unknown-status', 'quarantined')
			GROUP BY tenant, stream, type) h
		JOIN type_counts n USING (tenant, stream, type)
		WHERE h.items >= @least
		  AND 2 * h.items > n.records
		ORDER BY h.tenant, h.stream, h.type`
	list, err := queryList(ctx, s.pool, pgx.RowToStructByPos[UnreadableType], q, pgx.StrictNamedArgs{"least": least})
	if err != nil {
		return nil, fmt.Errorf("read which types say nothing: %w", err)
	}
	all := make(map[string][]UnreadableType)
	for _, t := range list {
		all[t.Tenant] = append(all[t.Tenant], t)
	}
	return all, nil
}

// NewlyQuarantined returns how many items of each tenant came into quarantine within the time,
// and are still there.
func (s *Store) NewlyQuarantined(ctx context.Context, within time.Duration) (map[string]int64, error) {
	const q = `
		SELECT tenant, count(*)
		FROM quarantine
		WHERE first_seen > now() - @within::interval
		GROUP BY tenant`
	counts, err := queryMap[string, int64](ctx, s.pool, q, pgx.StrictNamedArgs{"within": within})
	if err != nil {
		return nil, fmt.Errorf("count what is new in quarantine: %w", err)
	}
	return counts, nil
}
