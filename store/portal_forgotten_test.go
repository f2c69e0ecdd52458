package store_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

var (
	// condition is a line of a function that is one whole condition.
	condition = regexp.MustCompile(`^(\s*)(WHERE|AND) [^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*\)*[;,]?$`)
	// continued is the next line of a condition of several lines.
	continued = regexp.MustCompile(`^\s*(IS|OR|=|<>|BETWEEN)\b`)
	join      = regexp.MustCompile(`(LEFT JOIN \w+ \w) ON \w\.\w+ = \w+`)
	viewWhere = regexp.MustCompile(`(?s)\n\s*WHERE .*$`)
)

// forgetConditions removes all conditions from the functions and views of the portal, and returns how
// many it has removed.
func forgetConditions(t *testing.T, r *storetest.Replica) int {
	t.Helper()
	conn := connect(t, r.URL)
	removed := 0
	change := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%v:\n%s", err, sql)
		}
	}
	for _, source := range texts(t, conn, `
		SELECT pg_get_functiondef(oid)
		FROM pg_proc
		WHERE pg_get_userbyid(proowner) = 'dossiersync_answers'
		  AND proname NOT IN ('feeds', 'proof_mac', 'this_minute', 'put_proof_keys')`) {
		head, body, _ := strings.Cut(source, "AS $function$")
		lines := strings.Split(body, "\n")
		for i, line := range lines {
			m := condition.FindStringSubmatch(line)
			if m == nil || continued.MatchString(lines[i+1]) {
				continue
			}
			removed++
			// A parenthesis that closes a sub-select stays.
			closing := max(0, strings.Count(line, ")")-strings.Count(line, "("))
			lines[i] = m[1] + m[2] + " true" + strings.Repeat(")", closing)
			if end := line[len(line)-1:]; end == ";" || end == "," {
				lines[i] += end
			}
		}
		body = strings.Join(lines, "\n")
		body = join.ReplaceAllString(body, "$1 ON true")
		change(head + "AS $function$" + body)
	}
	for _, view := range texts(t, conn, `
		SELECT format('CREATE OR REPLACE VIEW %I WITH (security_invoker = true) AS %s', relname,
		           rtrim(pg_get_viewdef(oid, true), ';'))
		FROM pg_class
		WHERE relkind = 'v'
		  AND relnamespace = 'public'::regnamespace`) {
		removed++
		change(viewWhere.ReplaceAllString(view, ""))
	}
	return removed
}

// I8: without any condition in the functions, a call shows and changes nothing of others, because
// row-level security holds inside the functions too.
func TestForgottenConditionShowsNothingOfOthers(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	conn := connect(t, r.URL)
	for _, sql := range []string{
		`UPDATE items SET card = json_build_object('of', concat('<', tenant, client, ' ', part, '>')),
			body = json_build_object('of', concat('<', tenant, client, ' ', part, '>')) WHERE state = 'shown'`,
		`UPDATE clients SET name = concat('<', tenant, id, '>')`,
		`UPDATE grants SET name = concat('<', tenant, client, ' ', user_id, '>')`,
		`UPDATE items SET plan = tenant || '3care-plans1', goal = tenant || '2care-plans1' WHERE stream = 'reports'`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.Withhold(t.Context(), store.Withholding{
		Tenant: "amaris", Item: texts(t, conn, `SELECT key FROM items WHERE tenant = 'amaris' AND client = '1'
			AND part = 'reports' AND state = 'shown' ORDER BY at DESC LIMIT 1`)[0], By: "x", Note: "x"}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `UPDATE items SET card = '{"of": "<withheld9>"}', body = card
		WHERE key IN (SELECT item FROM withheld)`); err != nil {
		t.Fatal(err)
	}
	before := texts(t, conn, `SELECT grants::text FROM grants WHERE tenant = 'szr'`)
	if n := forgetConditions(t, r); n < 60 {
		t.Errorf("only %d conditions were removed", n)
	}
	mark := regexp.MustCompile(`<(\w+?)(\d) ?([\w-]*)>`)
	shown := 0
	for name, args := range calls(r.Reader) {
		if strings.Contains(name, "_list") && name != "portal_list" {
			continue // see below
		}
		asPortalRole(t, r, func(tx pgx.Tx) {
			list := make([]string, len(args))
			for i := range list {
				list[i] = fmt.Sprintf("$%d", i+1)
			}
			var answer string
			q := `SELECT to_json(f)::text FROM ` + name + `(` + strings.Join(list, ", ") + `) f`
			err := tx.QueryRow(t.Context(), q, args...).Scan(&answer)
			if c := codeOf(err); c == "21000" || c == "DS004" { // two rows for one; a tenant that awaits its grants
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, m := range mark.FindAllStringSubmatch(answer, -1) {
				shown++
				portals := strings.Contains(name, "grant") // the portal's server sees its tenant's grants
				switch {
				case m[1] != "amaris", !portals && m[2] != "1":
					t.Errorf("%s shows %s", name, m[0])
				case !portals && m[3] != "" && m[3] != "reports" && m[3] != "daughter":
					t.Errorf("%s shows %s of a part without a right", name, m[0])
				}
			}
			if strings.Contains(answer, "x") && name == "portal_accesses" && strings.Contains(answer, `"users":["x"`) {
				t.Errorf("%s shows the log to a user who is no manager", name)
			}
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	if _, _, err := r.Withhold(t.Context(), store.Withholding{Tenant: "amaris", Client: "1", By: "x", Note: "x"}); err != nil {
		t.Fatal(err)
	}
	if answer := answerOf(t, r, "portal_dossiers"); strings.Contains(answer, "<") {
		t.Errorf("a withheld client is shown: %s", answer)
	}
	if shown == 0 {
		t.Error("nothing was shown at all: the test tests nothing")
	}
	asPortalRole(t, r, func(tx pgx.Tx) {
		for _, name := range []string{"portal_begin_list", "portal_end_list"} {
			args := calls(r.Reader)[name]
			list := make([]string, len(args))
			for i := range list {
				list[i] = fmt.Sprintf("$%d", i+1)
			}
			if _, err := tx.Exec(t.Context(), `SELECT * FROM `+name+`(`+strings.Join(list, ", ")+`)`, args...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	after := texts(t, conn, `SELECT grants::text FROM grants WHERE tenant = 'szr'`)
	if strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Errorf("the grants of another tenant were %v, and are %v", before, after)
	}
}

// answerOf returns the answer of a function of the portal to one of the [calls].
func answerOf(t *testing.T, r *storetest.Replica, function string) (answer string) {
	t.Helper()
	asPortalRole(t, r, func(tx pgx.Tx) {
		args := calls(r.Reader)[function]
		list := make([]string, len(args))
		for i := range list {
			list[i] = fmt.Sprintf("$%d", i+1)
		}
		q := `SELECT to_json(f)::text FROM ` + function + `(` + strings.Join(list, ", ") + `) f`
		if err := tx.QueryRow(t.Context(), q, args...).Scan(&answer); err != nil {
			t.Fatalf("%s: %v", function, err)
		}
	})
	return answer
}
