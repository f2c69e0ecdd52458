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

// snapshot is all that a replica holds at one moment. Its keys are record ids, which are unique in
// a model.
type snapshot struct {
	epoch       int
	change      int64
	rows        map[string]row
	clients     map[string]clientRow
	contacts    map[string]string // the client by contact
	quarantine  map[string]bool
	cursors     map[string]*time.Time // by type
	owed        []string              // clients whose history is owed
	refs        map[string][]string
	outstanding string // work that a run must not leave undone
	absences    map[string]absenceRow
	grants      map[string]string // their states, by client
}

// absenceRow is something that the source does not show.
type absenceRow struct{ ID, State, Missing string }

// row is one item as stored.
type row struct {
	ID, Type, Stream, Kind, Client, State, Reason string
	Epoch                                         int
	Version                                       string
	Updated                                       *time.Time
	Category, Plan, Goal, Key, Part               string
	Open                                          *bool
	Ends                                          *time.Time
	Card, Body, Model                             string
}

type clientRow struct {
	ID, State, Name, Into, Void string
	Deceased                    bool
	Change                      int64
}

// takeSnapshot reads the replica.
func takeSnapshot(x *execution) snapshot {
	snap := snapshot{rows: make(map[string]row), clients: make(map[string]clientRow), contacts: make(map[string]string),
		quarantine: make(map[string]bool), cursors: make(map[string]*time.Time), refs: make(map[string][]string),
		absences: make(map[string]absenceRow), grants: make(map[string]string)}
	ids := make(map[string]string) // by key
	var b pgx.Batch
	ask := func(sql string, scan func(pgx.CollectableRow) error) {
		b.Queue(sql, tenant).Query(func(rows pgx.Rows) error {
			_, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (struct{}, error) { return struct{}{}, scan(r) })
			return err
		})
	}
	ask(`SELECT epoch, change FROM tenants WHERE id = $1`,
		func(r pgx.CollectableRow) error { return r.Scan(&snap.epoch, &snap.change) })
	ask(`SELECT id, type, stream, coalesce(kind, ''), coalesce(client, ''), state, coalesce(reason, ''),
		epoch, version, updated,
		coalesce(category, ''), coalesce(plan, ''), coalesce(goal, ''), key, coalesce(part, ''),
		open, ends,
		coalesce(card::text, ''), coalesce(body::text, ''), coalesce(model::text, '') FROM items WHERE tenant = $1`,
		func(r pgx.CollectableRow) error {
			it, err := pgx.RowToStructByPos[row](r)
			snap.rows[it.ID], ids[it.Key] = it, it.ID
			return err
		})
	ask(`SELECT id, state, coalesce(name, ''), coalesce(replaced_by, ''),
		coalesce(grants_void, ''), deceased, change
		FROM clients WHERE tenant = $1`,
		func(r pgx.CollectableRow) error {
			c, err := pgx.RowToStructByPos[clientRow](r)
			snap.clients[c.ID] = c
			return err
		})
	ask(`SELECT id, client FROM contacts WHERE tenant = $1 AND active`, func(r pgx.CollectableRow) error {
		var id, client string
		err := r.Scan(&id, &client)
		snap.contacts[id] = client
		return err
	})
	ask(`SELECT coalesce(id, '?') FROM quarantine WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		var id string
		err := r.Scan(&id)
		snap.quarantine[id] = true
		return err
	})
	ask(`SELECT type, upto FROM cursors WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		var name string
		var upto *time.Time
		err := r.Scan(&name, &upto)
		snap.cursors[name] = upto
		return err
	})
	ask(`SELECT client FROM backfills WHERE tenant = $1 AND NOT recheck ORDER BY client`,
		func(r pgx.CollectableRow) error {
			var id string
			err := r.Scan(&id)
			snap.owed = append(snap.owed, id)
			return err
		})
	ask(`SELECT key, target FROM refs WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		var key, target string
		err := r.Scan(&key, &target)
		name, ok := ids[key]
		if !ok {
			name = "?"
		}
		snap.refs[name] = append(snap.refs[name], target)
		return err
	})
	ask(`SELECT coalesce(string_agg(what || ' ' || coalesce(id, '?'), ', ' ORDER BY what, id), '') FROM (
		SELECT 'stale' what, tenant, key FROM stale UNION ALL SELECT 'reread', tenant, key FROM rereads) x
		LEFT JOIN items i USING (tenant, key) WHERE tenant = $1`,
		func(r pgx.CollectableRow) error { return r.Scan(&snap.outstanding) })
	ask(`SELECT id, state, missing FROM absences WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		a, err := pgx.RowToStructByPos[absenceRow](r)
		snap.absences[a.ID] = a
		return err
	})
	ask(`SELECT client, state FROM grants WHERE tenant = $1`, func(r pgx.CollectableRow) error {
		var client, state string
		err := r.Scan(&client, &state)
		snap.grants[client] = state
		return err
	})
	if err := x.replica.Pool().SendBatch(x.ctx, &b).Close(); err != nil {
		x.t.Fatalf("read the replica: %v", err)
	}
	return snap
}

// readerView is what readers see of one record.
type readerView struct {
	Client string
	Says   string // the marker of its content
	Author string
	Label  string // of a form's question
	Plan   string // the id of a report's plan
	Goal   string // the id of a report's goal, or a plan's text about its goals
	Open   string
}

func (s readerView) String() string {
	return strings.TrimSpace(fmt.Sprintf("%q of %q by %q label %q plan %q goal %q open %q", s.Says, s.Client,
		s.Author, s.Label, s.Plan, s.Goal, s.Open))
}

// view returns what readers see of the row.
func (r row) view(names map[string]string) readerView {
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
	// A card or body that is not JSON leaves the view empty, which fails the comparison.
	_ = json.Unmarshal([]byte(r.Card), &card)
	_ = json.Unmarshal([]byte(r.Body), &body)
	s := readerView{Client: r.Client, Plan: names[r.Plan], Goal: names[r.Goal]}
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
func (snap snapshot) visible() map[string]readerView {
	names := make(map[string]string) // by key, also of records that are not stored
	for _, id := range recordIDs {
		names[dossier.Key(tenant, refOf(id))] = id
	}
	seen := make(map[string]readerView)
	for id, r := range snap.rows {
		if r.State != string(dossier.StateShown) {
			continue
		}
		s := r.view(names)
		if r.Kind == string(dossier.KindClient) {
			s.Says = snap.clients[id].Name
		}
		seen[id] = s
	}
	return seen
}

// dossier returns all that a reader of one client's dossier may see.
func (snap snapshot) dossier(client string) string {
	c := snap.clients[client]
	if c.State != string(dossier.StateShown) {
		return ""
	}
	list := []string{c.Name, fmt.Sprint(c.Deceased, slices.Contains(snap.owed, client))}
	for _, r := range snap.rows {
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
