package portalapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"dossiersync/store/dossier"
)

// seeds fills a replica with SQL, as a worker would.
type seeds struct {
	t  testing.TB
	db *pgxpool.Pool // as the owner
}

func newSeeds(t testing.TB, url string) *seeds {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return &seeds{t: t, db: db}
}

func (s *seeds) exec(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.db.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%s: %v", strings.TrimSpace(sql), err)
	}
}

// markSynced records that every stream of the tenant was read to its end at a time.
func (s *seeds) markSynced(tenant string, at time.Time) {
	s.t.Helper()
	for _, stream := range dossier.Streams() {
		s.exec(`INSERT INTO cursors (tenant, stream, type, as_of, fingerprint) VALUES ($1, $2, 'T', $3, 'f')
			ON CONFLICT (tenant, stream, type, query, client) DO UPDATE SET as_of = excluded.as_of`, tenant, stream, at)
	}
	s.exec(`UPDATE tenants SET succeeded = $2, since = least(since, $2) WHERE id = $1`, tenant, at)
}

func (s *seeds) client(tenant, id, name string) {
	s.t.Helper()
	s.exec(`INSERT INTO clients (tenant, id, state, name, change) VALUES ($1, $2, 'shown', nullif($3, ''), 1)`, tenant, id, name)
}

// grant stores an accepted grant; set has assignments of its columns in SQL.
func (s *seeds) grant(tenant, user, client string, parts []string, set ...string) {
	s.t.Helper()
	if parts == nil {
		parts = []string{}
	}
	s.exec(`INSERT INTO grants (tenant, client, user_id, role, parts, state, updated_by)
		VALUES ($1, $2, $3, 'contact', $4, 'accepted', 'test')`, tenant, client, user, parts)
	for _, sql := range set {
		s.exec(`UPDATE grants SET `+sql+` WHERE tenant = $1 AND client = $2 AND user_id = $3`, tenant, client, user)
	}
}

var everyPart = []string{"reports", "forms", "care-plans"}

// item is a row of items, with defaults for other columns.
type item struct {
	tenant, client, id string
	kind               dossier.Kind
	at                 time.Time
	category           string
	open               *bool
	ends               *time.Time
	plan, goal         string
	title, text        string
}

func (it item) key() string {
	return dossier.Key(it.tenant, dossier.Ref{Type: string(it.kind), ID: it.id})
}

func (s *seeds) items(list ...item) {
	s.t.Helper()
	rows := make([][]any, 0, len(list))
	for _, it := range list {
		rows = append(rows, it.row(s.t))
	}
	_, err := s.db.CopyFrom(s.t.Context(), pgx.Identifier{"items"}, []string{
		"tenant", "key", "type", "id", "stream", "kind", "client", "state", "part", "epoch", "version", "hash",
		"at", "category", "open", "ends", "plan", "goal", "card", "body"}, pgx.CopyFromRows(rows))
	if err != nil {
		s.t.Fatal(err)
	}
}

func (it item) row(t testing.TB) []any {
	var at any
	if !it.at.IsZero() {
		at = it.at
	}
	card, body := it.content()
	streams := map[dossier.Kind]string{dossier.KindReport: "reports", dossier.KindForm: "forms", dossier.KindCarePlan: "care-plans",
		dossier.KindGoal: "goals", dossier.KindContact: "contacts"}
	parts := map[dossier.Kind]any{dossier.KindReport: "reports", dossier.KindForm: "forms", dossier.KindCarePlan: "care-plans",
		dossier.KindGoal: "care-plans", dossier.KindContact: "contacts"}
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	return []any{it.tenant, it.key(), string(it.kind), it.id, streams[it.kind], string(it.kind), it.client, "shown",
		parts[it.kind], 1, "1", []byte{0}, at, null(it.category), it.open, it.ends, null(it.plan), null(it.goal),
		marshal(t, card), marshal(t, body)}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

type object = map[string]any

func (it item) content() (card, body object) {
	title := it.title
	if title == "" {
		title = "Rapportage"
	}
	at := it.at.In(amsterdam).Format(time.RFC3339)
	author := object{"name": "S. Bakker", "role": nil}
	switch it.kind {
	case dossier.KindReport, dossier.KindForm:
		var category any
		if it.category != "" {
			category = it.category
		}
		card = object{"id": it.key(), "kind": it.kind, "at": at, "precision": "second", "title": title, "excerpt": it.text[:min(20, len(it.text))],
			"author": author, "category": category, "correctedAt": nil, "recordedAt": nil}
		if it.kind == dossier.KindReport {
			return card, object{"text": it.text, "attachments": []any{}}
		}
		return card, object{"questions": []any{object{"label": "Hoe gaat het?", "questions": []any{},
			"answers": []any{object{"display": "Goed", "value": "goed", "questions": []any{}}}}}, "score": nil}
	case dossier.KindCarePlan:
		return object{"id": it.key(), "kind": it.kind, "title": title, "period": object{"start": "2026-01", "end": nil}, "author": author},
			object{"description": nil, "addresses": []any{}, "team": []any{}, "domains": []any{}, "evaluations": []any{}, "notes": []any{},
				"agreement": nil, "narrative": it.text}
	case dossier.KindGoal:
		return object{"id": it.key(), "kind": it.kind, "title": title}, object{}
	case dossier.KindContact:
		return object{"id": it.id, "name": title, "relationship": "dochter", "email": nil, "phone": nil}, nil
	}
	panic(fmt.Sprintf("no content for a %s", it.kind))
}

// report returns a general report of tenant amaris.
func report(client, id string, at time.Time) item {
	return item{tenant: "amaris", client: client, id: id, kind: dossier.KindReport, at: at, category: "general", text: "Tekst van " + id}
}

func form(client, id string, at time.Time) item {
	return item{tenant: "amaris", client: client, id: id, kind: dossier.KindForm, at: at, title: "Vragenlijst"}
}

func plan(client, id string, at time.Time, open bool) item {
	return item{tenant: "amaris", client: client, id: id, kind: dossier.KindCarePlan, at: at, open: &open, title: "Zorgleefplan"}
}

// logged is an entry of the access log.
type logged struct {
	Action, Event, Outcome, User string
	UserName, Role, Behalf       string
	Client, Object, Query        string
}

// accesses returns the access log in the order of writing.
func (s *seeds) accesses() []logged {
	s.t.Helper()
	rows, err := s.db.Query(s.t.Context(), `
		SELECT action, event, outcome, user_id, coalesce(user_name, ''), coalesce(user_role, ''), coalesce(on_behalf_of, ''),
			coalesce(client, ''), coalesce(object, ''), coalesce(query, '')
		FROM access_log WHERE source = 'portal-api' ORDER BY time`)
	if err != nil {
		s.t.Fatal(err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[logged])
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}
