package store

import (
	"slices"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// surroundings are what some items are rendered from: what they name, and of care
// plans also what names them. They are all read in one round trip.
type surroundings struct {
	tenant  string
	names   []string // keys of what the items name
	plans   []string // keys of those that are care plans
	shown   map[string]*Shown
	hidden  map[string]bool     // keys of those that are not for readers
	members map[string][]*Shown // by the key of the plan
}

// add notes that the item with the content c is to be rendered.
func (s *surroundings) add(key string, c dossier.Content) {
	for _, ref := range c.Refs() {
		s.names = append(s.names, dossier.Key(s.tenant, ref))
	}
	if _, ok := c.(*dossier.CarePlan); ok {
		s.plans = append(s.plans, key)
	}
}

func (s *surroundings) lookup(client string) Lookup { return Lookup{s.tenant, client, s} }

// Like the other look-ups of a batch these look up key by key (LATERAL … OFFSET 0):
// left the choice, the planner reads the whole of a table that it has no
// statistics of yet, as in a first load.
const (
	shownSQL = `
		SELECT i.* FROM unnest(@names::text[]) n CROSS JOIN LATERAL (
			SELECT key, kind, coalesce(client, ''), card, body, model FROM items
			WHERE tenant = @tenant AND key = n AND state = 'shown'
			UNION ALL
			SELECT alias, 'questionnaire', '', NULL, NULL, model
			FROM (` + definitionOf + `) d WHERE d.model::text <> 'null' -- which stands for staff
			UNION ALL
			SELECT * FROM (
				SELECT d.alias, i.kind, '', i.card, i.body, i.model FROM definitions d
				JOIN items i ON i.tenant = @tenant AND i.key = d.key AND i.state = 'shown' AND i.kind = 'staff'
				WHERE d.tenant = @tenant AND d.alias = n ORDER BY d.updated DESC NULLS LAST, d.key DESC LIMIT 1) s) i`
	// Records that a mark, a rule, or a status hides; not those that are only empty or replaced.
	hiddenSQL = `
		SELECT n FROM unnest(@names::text[]) n CROSS JOIN LATERAL (
			SELECT FROM items
			WHERE tenant = @tenant AND key = n AND state = 'hidden' AND reason = ANY(@reasons) OFFSET 0) i`
	membersSQL = `
		SELECT p, m.* FROM unnest(@plans::text[]) p CROSS JOIN LATERAL (
			SELECT i.* FROM refs r CROSS JOIN LATERAL (
				SELECT key, kind, coalesce(client, ''), card, body, model FROM items
				WHERE tenant = @tenant AND key = r.key AND state = 'shown' AND kind IN ('care-plan-part', 'agreement')
				OFFSET 0) i
			WHERE r.tenant = @tenant AND r.target = p LIMIT @limit) m`
	// Whoever agreed to the plans.
	agreedSQL = `
		SELECT i.* FROM unnest(@plans::text[]) p CROSS JOIN LATERAL (
			SELECT a.key FROM refs r CROSS JOIN LATERAL (
				SELECT key FROM items
				WHERE tenant = @tenant AND key = r.key AND state = 'shown' AND kind = 'agreement' OFFSET 0) a
			WHERE r.tenant = @tenant AND r.target = p LIMIT @limit) a
		JOIN LATERAL (SELECT target FROM refs WHERE tenant = @tenant AND key = a.key OFFSET 0) r ON true
		CROSS JOIN LATERAL (
			SELECT key, kind, coalesce(client, ''), card, body, model FROM items
			WHERE tenant = @tenant AND key = r.target AND state = 'shown' AND stream <> 'care-plans' OFFSET 0) i`
)

// hidingReasons are those by which a record, and what it is called, is not for readers.
var hidingReasons = []string{string(dossier.HiddenMarked), string(dossier.HiddenModifierExtension),
	string(dossier.HiddenImplicitRules), string(dossier.HiddenStatus), string(dossier.HiddenUnknownStatus), string(dossier.HiddenQuarantined)}

// queue reads them.
func (s *surroundings) queue(b *pgx.Batch) {
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	s.shown, s.hidden, s.members = make(map[string]*Shown), make(map[string]bool), make(map[string][]*Shown)
	collect := func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Shown])
		for _, found := range list {
			s.shown[found.Key] = found
		}
		return err
	}
	b.Queue(shownSQL, pgx.StrictNamedArgs{"tenant": s.tenant, "names": s.names}).Query(collect)
	hiding := pgx.StrictNamedArgs{"tenant": s.tenant, "names": s.names, "reasons": hidingReasons}
	b.Queue(hiddenSQL, hiding).Query(func(rows pgx.Rows) error {
		keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, key := range keys {
			s.hidden[key] = true
		}
		return err
	})
	if len(s.plans) == 0 {
		return
	}
	args := pgx.StrictNamedArgs{"tenant": s.tenant, "plans": s.plans, "limit": MaxMembers + 1}
	b.Queue(membersSQL, args).Query(func(rows pgx.Rows) error {
		var plan string
		var m Shown
		_, err := pgx.ForEachRow(rows, []any{&plan, &m.Key, &m.Kind, &m.Client, &m.Card, &m.Body, &m.Model}, func() error {
			found := m
			s.members[plan] = append(s.members[plan], &found)
			return nil
		})
		return err
	})
	b.Queue(agreedSQL, args).Query(collect)
}
