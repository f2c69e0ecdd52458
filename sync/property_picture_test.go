package sync_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dossiersync/store/dossier"
)

// picture is all that a replica holds at one moment. Records are named by their
// ids, which are unique in a world.
type picture struct {
	epoch       int
	change      int64
	rows        map[string]row
	clients     map[string]registered
	contacts    map[string]string // of whom
	quarantine  map[string]bool
	cursors     map[string]*time.Time // by type
	owed        []string              // clients, the history of whom is owed
	refs        map[string][]string
	outstanding string           // what a run must not leave undone
	removed     map[string]int64 // by inference in the last day, by stream
}

// row is one item as stored.
type row struct {
	ID, Type, Stream, Kind, Client, State, Reason string
	Epoch                                         int
	Version                                       string
	Updated                                       *time.Time
	Category, Plan, Goal, Key                     string
	Open                                          *bool
	Ends                                          *time.Time
	Card, Body, Model                             string
}

type registered struct {
	ID, State, Name, Into string
	Deceased              bool
	Change                int64
}

// take reads the replica of the tenant.
func takePicture(p *play) picture {
	pic := picture{rows: make(map[string]row), clients: make(map[string]registered), contacts: make(map[string]string),
		quarantine: make(map[string]bool), cursors: make(map[string]*time.Time), refs: make(map[string][]string),
		removed: make(map[string]int64)}
	ids := make(map[string]string) // by key
	var b pgx.Batch
	ask := func(sql string, scan func(pgx.CollectableRow) error) {
		b.Queue(sql, tenant).Query(func(rows pgx.Rows) error {
			_, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (struct{}, error) { return struct{}{}, scan(r) })
			return err
		})
	}
	ask(`SELECT epoch, change FROM tenants WHERE id = $1`, func(r pgx.CollectableRow) error { return r.Scan(&pic.epoch, &pic.change) })
	ask(`SELECT id, type, stream, coalesce(kind, ''), coalesce(client, ''), state, coalesce(reason, ''), epoch, version, updated,
		coalesce(category, ''), coalesce(plan, ''), coalesce(goal, ''), key, open, ends,
		coalesce(card::text, ''), coalesce(body::text, ''), coalesce(model::text, '') FROM items WHERE tenant = $1`,
		func(r pgx.CollectableRow) error {
			it, err := pgx.RowToStructByPos[row](r)
			pic.rows[it.ID], ids[it.Key] = it, it.ID
			return err
		})
	ask(`SELECT id, state, coalesce(name, ''), coalesce(replaced_by, ''), deceased, change FROM clients WHERE tenant = $1`,
		func(r pgx.CollectableRow) error {
			c, err := pgx.RowToStructByPos[registered](r)
			pic.clients[c.ID] = c
			return err
		})
	ask(`SELECT id, client FROM contacts WHERE tenant = $1 AND active`, func(r pgx.CollectableRow) error {
		var id, client string
		err := r.Scan(&id, &client)
		pic.contacts[id] = client
		return err
	})
	ask(`SELECT coalesce(id, '?') FROM quarantine WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		var id string
		err := r.Scan(&id)
		pic.quarantine[id] = true
		return err
	})
	ask(`SELECT type, upto FROM cursors WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		var name string
		var upto *time.Time
		err := r.Scan(&name, &upto)
		pic.cursors[name] = upto
		return err
	})
	ask(`SELECT client FROM backfills WHERE tenant = $1 AND NOT recheck ORDER BY client`, func(r pgx.CollectableRow) error {
		var id string
		err := r.Scan(&id)
		pic.owed = append(pic.owed, id)
		return err
	})
	ask(`SELECT key, target FROM refs WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		var key, target string
		err := r.Scan(&key, &target)
		name, ok := ids[key]
		if !ok {
			name = "?"
		}
		pic.refs[name] = append(pic.refs[name], target)
		return err
	})
	ask(`SELECT coalesce(string_agg(what || ' ' || coalesce(id, '?'), ', ' ORDER BY what, id), '') FROM (
		SELECT 'stale' what, tenant, key FROM stale UNION ALL SELECT 'reread', tenant, key FROM rereads
		UNION ALL SELECT 'absent', tenant, key FROM absences) x LEFT JOIN items i USING (tenant, key) WHERE tenant = $1`,
		func(r pgx.CollectableRow) error { return r.Scan(&pic.outstanding) })
	ask(`SELECT stream, count(*) FROM items WHERE tenant = $1 AND reason = 'absent' AND observed > now() - interval '24 hours' GROUP BY 1`,
		func(r pgx.CollectableRow) error {
			var stream string
			var n int64
			err := r.Scan(&stream, &n)
			pic.removed[stream] = n
			return err
		})
	if err := p.replica.Pool().SendBatch(p.ctx, &b).Close(); err != nil {
		p.t.Fatalf("read the replica: %v", err)
	}
	return pic
}

// shown is what readers see of one record.
type shown struct {
	Client string
	Says   string // the marker of its content
	Author string
	Label  string // of a form's question
	Plan   string // the id of a report's plan
	Goal   string // the id of a report's goal, or what a plan says of its goals
	Open   string
}

func (s shown) String() string {
	return strings.TrimSpace(fmt.Sprintf("%q of %q by %q label %q plan %q goal %q open %q", s.Says, s.Client, s.Author, s.Label, s.Plan, s.Goal, s.Open))
}

// shown returns what readers see of the row.
func (r row) shown(names map[string]string) shown {
	var card struct {
		Name, Role, Title string
		Author            *struct{ Name, Role *string }
	}
	var body struct {
		Text    string
		Notes   []struct{ Author *struct{ Name *string } }
		Domains []struct {
			Goals []struct {
				Description string
				Notes       []struct{ Author *struct{ Name *string } }
			}
		}
		Questions []struct {
			Label   string
			Answers []struct{ Display string }
		}
	}
	// What cannot be read says nothing, and so differs.
	_ = json.Unmarshal([]byte(r.Card), &card)
	_ = json.Unmarshal([]byte(r.Body), &body)
	s := shown{Client: r.Client, Plan: names[r.Plan], Goal: names[r.Goal]}
	if r.Open != nil && r.Kind == string(dossier.KindCarePlan) {
		s.Open = fmt.Sprint(*r.Open)
	}
	if card.Author != nil {
		s.Author = text(card.Author.Name) + "|" + text(card.Author.Role)
	}
	switch dossier.Kind(r.Kind) {
	case dossier.KindClient:
	case dossier.KindContact:
		s.Says = card.Name
	case dossier.KindStaff:
		if s.Says = card.Name; r.Type == roles.Name {
			s.Says, s.Author = card.Role, card.Name
		}
	case dossier.KindReport:
		s.Says = body.Text
	case dossier.KindGoal:
		s.Says = card.Title
		for _, n := range body.Notes {
			s.Author = nameOf(n.Author)
		}
	case dossier.KindForm:
		for _, q := range body.Questions {
			s.Label, s.Says = q.Label, q.Answers[0].Display
		}
	case dossier.KindCarePlan:
		s.Says = card.Title
		for _, d := range body.Domains {
			for _, g := range d.Goals {
				s.Goal += g.Description
				for _, n := range g.Notes {
					s.Goal += " by " + nameOf(n.Author)
				}
			}
		}
	default:
		s.Says = card.Title
	}
	return s
}

func nameOf(author *struct{ Name *string }) string {
	if author == nil {
		return ""
	}
	return text(author.Name)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// visible returns what readers see, by id.
func (pic picture) visible() map[string]shown {
	names := make(map[string]string) // by key; the records need not be there
	for _, id := range cast {
		names[dossier.Key(tenant, refOf(id))] = id
	}
	seen := make(map[string]shown)
	for id, r := range pic.rows {
		if r.State != string(dossier.StateShown) {
			continue
		}
		s := r.shown(names)
		if r.Kind == string(dossier.KindClient) {
			s.Says = pic.clients[id].Name
		}
		seen[id] = s
	}
	return seen
}

// dossier is all that a reader of one client's dossier may see.
func (pic picture) dossier(client string) string {
	c := pic.clients[client]
	if c.State != string(dossier.StateShown) {
		return ""
	}
	list := []string{c.Name, fmt.Sprint(c.Deceased, slices.Contains(pic.owed, client))}
	for _, r := range pic.rows {
		if r.Client == client && r.State == string(dossier.StateShown) {
			list = append(list, fmt.Sprint(r.Key, r.Category, r.Plan, r.Goal, boolean(r.Open), r.Ends, r.Card, r.Body))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

func boolean(b *bool) string {
	if b == nil {
		return ""
	}
	return fmt.Sprint(*b)
}
