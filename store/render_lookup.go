package store

import (
	"slices"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// surroundings are the items from which some items are rendered: those that they name and,
// for care plans, those that name them. All are read in one round trip.
type surroundings struct {
	tenant  string
	names   []string // keys of the items that are named
	plans   []string // keys of the care plans among those to be rendered
	shown   map[string]*Shown
	hidden  map[string]bool     // keys of named items that are not for readers
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

const (
	shownSQL = `
		SELECT i.*
		FROM unnest(@names::text[]) n
		CROSS JOIN LATERAL ( -- by key; the LIMIT in its last branch does for OFFSET 0
			SELECT key, kind, coalesce(client, ''), card, body, model
			FROM items
			WHERE tenant = @tenant AND key = n AND state = 'shown' AND ` + notWithheld + `
			UNION ALL
			SELECT alias, 'questionnaire', '', NULL, NULL, model
			FROM (` + definitionOf + `) d
			WHERE d.model::text <> 'null' -- the model of staff
			UNION ALL
			SELECT * FROM (
				SELECT d.alias, i.kind, '', i.card, i.body, i.model
				FROM definitions d
				JOIN items i ON i.tenant = @tenant AND i.key = d.key
				WHERE d.tenant = @tenant AND d.alias = n
				  AND i.state = 'shown' AND i.kind = 'staff'
				  AND NOT EXISTS (
					SELECT FROM withheld w
					WHERE w.tenant = @tenant AND w.item = d.key AND w.released IS NULL)
				ORDER BY d.updated DESC NULLS LAST, d.key DESC
				LIMIT 1) s) i`
	// hiddenSQL finds records that a mark, a rule, a status or an operator hides; records that are
	// only empty or replaced are not among them. A withheld record need not be stored.
	hiddenSQL = `
		SELECT n
		FROM unnest(@names::text[]) n
		CROSS JOIN LATERAL (` + isHidden + `) i`
	// isHidden has a row where the record n, or one that n is another name of, is hidden.
	isHidden = ` -- by key
			SELECT
			FROM items
			WHERE tenant = @tenant AND key = n AND state = 'hidden' AND reason = ANY(@reasons)
			UNION ALL
			SELECT FROM (
				SELECT
				FROM definitions d
				JOIN items i ON i.tenant = @tenant AND i.key = d.key
				WHERE d.tenant = @tenant AND d.alias = n
				  AND i.state = 'hidden' AND i.reason = ANY(@reasons)
				LIMIT 1) d
			UNION ALL
			SELECT
			FROM withheld
			WHERE tenant = @tenant AND item = n AND released IS NULL
			UNION ALL
			SELECT FROM (
				SELECT
				FROM definitions d
				JOIN withheld w ON w.tenant = @tenant AND w.item = d.key AND w.released IS NULL
				WHERE d.tenant = @tenant AND d.alias = n
				LIMIT 1) w`
	membersSQL = `
		SELECT p, m.*
		FROM unnest(@plans::text[]) p
		CROSS JOIN LATERAL ( -- by key; LIMIT does for OFFSET 0
			SELECT i.*
			FROM refs r
			CROSS JOIN LATERAL ( -- by key
				SELECT key, kind, coalesce(client, ''), card, body, model
				FROM items
				WHERE tenant = @tenant AND key = r.key AND state = 'shown'
				  AND kind IN ('care-plan-part', 'agreement') AND ` + notWithheld + `
				OFFSET 0) i
			WHERE r.tenant = @tenant AND r.target = p
			LIMIT @limit) m`
	// signatoriesSQL finds the people that the plans' agreements name.
	signatoriesSQL = `
		SELECT i.*
		` + signatories + `
		CROSS JOIN LATERAL ( -- by key
			SELECT key, kind, coalesce(client, ''), card, body, model
			FROM items
			WHERE tenant = @tenant AND key = r.n AND state = 'shown' AND stream <> 'care-plans'
			  AND ` + notWithheld + `
			OFFSET 0) i`
	hiddenSignatoriesSQL = `
		SELECT r.n
		` + signatories + `
		CROSS JOIN LATERAL (` + isHidden + `) i`
	signatories = `FROM unnest(@plans::text[]) p
		CROSS JOIN LATERAL ( -- by key
			SELECT a.key
			FROM refs r
			CROSS JOIN LATERAL ( -- by key
				SELECT key
				FROM items
				WHERE tenant = @tenant AND key = r.key AND state = 'shown' AND kind = 'agreement'
				  AND ` + notWithheld + `
				OFFSET 0) a
			WHERE r.tenant = @tenant AND r.target = p
			LIMIT @limit) a
		JOIN LATERAL ( -- by key
			SELECT target AS n
			FROM refs
			WHERE tenant = @tenant AND key = a.key
			OFFSET 0) r ON true`
)

// hidingReasons are the reasons for which readers see neither a record nor its name.
var hidingReasons = []string{
	string(dossier.HiddenMarked), string(dossier.HiddenModifierExtension), string(dossier.HiddenImplicitRules),
	string(dossier.HiddenStatus), string(dossier.HiddenUnknownStatus), string(dossier.HiddenQuarantined),
}

// queue reads the surroundings of the items that were added.
func (s *surroundings) queue(b *pgx.Batch) {
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	s.shown, s.members = make(map[string]*Shown), make(map[string][]*Shown)
	s.hidden = make(map[string]bool)
	b.Queue(shownSQL, pgx.StrictNamedArgs{"tenant": s.tenant, "names": s.names}).Query(s.scanShown)
	args := pgx.StrictNamedArgs{"tenant": s.tenant, "names": s.names, "reasons": hidingReasons}
	b.Queue(hiddenSQL, args).Query(s.scanHidden)
	if len(s.plans) == 0 {
		return
	}
	args = pgx.StrictNamedArgs{"tenant": s.tenant, "plans": s.plans, "limit": MaxMembers + 1}
	b.Queue(membersSQL, args).Query(s.scanMembers)
	b.Queue(signatoriesSQL, args).Query(s.scanShown)
	args = pgx.StrictNamedArgs{"tenant": s.tenant, "plans": s.plans, "limit": MaxMembers + 1, "reasons": hidingReasons}
	b.Queue(hiddenSignatoriesSQL, args).Query(s.scanHidden)
}

func (s *surroundings) scanShown(rows pgx.Rows) error {
	list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Shown])
	for _, found := range list {
		s.shown[found.Key] = found
	}
	return err
}

func (s *surroundings) scanHidden(rows pgx.Rows) error {
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, key := range keys {
		s.hidden[key] = true
	}
	return err
}

func (s *surroundings) scanMembers(rows pgx.Rows) error {
	var plan string
	var m Shown
	_, err := pgx.ForEachRow(rows, []any{&plan, &m.Key, &m.Kind, &m.Client, &m.Card, &m.Body, &m.Model}, func() error {
		found := m
		s.members[plan] = append(s.members[plan], &found)
		return nil
	})
	return err
}
