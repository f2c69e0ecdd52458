package ops_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"dossiersync/portalapi/ops"
	"dossiersync/store"
)

// marked is in every name and text of the data. No page may show it.
const marked = "ZONNEBLOEM"

// filledHarness has two tenants with data of every kind.
type filledHarness struct {
	*harness
	bad     string // the key of an item in quarantine of szr
	stray   string // another, whose key begins with a question mark
	done    store.Run
	running store.Run
	waiting store.Run
}

func newFilledHarness(t *testing.T, change ...func(*ops.Options)) *filledHarness {
	t.Helper()
	s := &filledHarness{harness: newHarness(t, append([]func(*ops.Options){withUsers}, change...)...), bad: "3xE4w6UEAgpxV2HZxJrlAA", stray: "?4xE4w6UEAgpxV2HZxJrlAB"}
	s.putTenants("amaris", "szr")
	for _, q := range []string{
		`UPDATE tenants SET since = now() - interval '20 days', succeeded = now() - interval '2 days', unreachable = now() - interval '1 hour',
			trouble = 'search Observation: the circuit is open', trouble_until = now() + interval '4 minutes', epoch = 2,
			epoch_since = now() - interval '1 day', reconciled = now() - interval '3 days' WHERE id = 'szr'`,
		`INSERT INTO clients (tenant, id, name, state, reason) VALUES ('szr', '1042', 'Mevrouw ` + marked + `', 'shown', NULL), ('szr', '1043', NULL, 'hidden', 'inactive')`,
		`INSERT INTO items (tenant, key, type, id, stream, kind, client, state, reason, part, epoch, version, hash, at, card, body, model) VALUES
			('szr', 'k1', 'Observation', 'o1', 'reports', 'report', '1042', 'shown', NULL, 'reports', 1, '1', '', now(), '{"title":"` + marked + `"}', '{"text":"` + marked + `"}', '{"text":"` + marked + `"}'),
			('szr', 'k2', 'Observation', 'o2', 'reports', NULL, '1042', 'hidden', 'marked', NULL, 1, '1', '', NULL, NULL, NULL, NULL)`,
		`INSERT INTO left_out (tenant, key, place, kind, length) VALUES ('szr', 'k1', 'Observation.bodySite', 'unread', 22)`,
		`INSERT INTO grants (tenant, client, user_id, role, parts, state, name, updated_by) VALUES
			('szr', '1042', 'dochter', 'contact', '{reports}', 'accepted', '` + marked + `', 'portal'), ('szr', '1042', 'zoon', 'contact', '{}', 'invited', '` + marked + `', 'portal')`,
		`INSERT INTO quarantine (tenant, key, stream, type, id, client, reason, detail, raw) VALUES
			('szr', '` + s.bad + `', 'reports', 'Observation', 'o3', '1042', 'bad-date', 'effectiveDateTime', '` + marked + `'),
			('szr', '` + s.stray + `', 'forms', 'QuestionnaireResponse', NULL, NULL, 'bad-json', '', '` + marked + `'),
			('szr', '5xE4w6UEAgpxV2HZxJrlAC', 'clients', 'Patient', '9999', '9999', 'bad-body', '', '` + marked + `'),
			('amaris', '6xE4w6UEAgpxV2HZxJrlAD', 'reports', 'Observation', 'o4', '2001', 'too-large', '', NULL)`,
		`WITH h AS (INSERT INTO holds (tenant, stream, type, rule, run) VALUES ('szr', 'reports', 'Observation', 'day', 1) RETURNING id)
			INSERT INTO absences (tenant, key, stream, type, id, state, hold) SELECT 'szr', 'a' || g, 'reports', 'Observation', 'a' || g, 'held', h.id FROM h, generate_series(1, 412) g`,
	} {
		if _, err := s.Pool().Exec(t.Context(), q); err != nil {
			t.Fatalf("%v\n%s", err, q)
		}
	}
	request := func(tenant string, scope store.Scope) store.Run {
		t.Helper()
		run, _, err := s.RequestRun(t.Context(), store.RunRequest{Tenant: tenant, Trigger: store.TriggerManual, Scope: scope, By: "ann"})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	s.done = request("szr", store.Scope{})
	claim, err := s.ClaimRun(t.Context(), s.done.ID, "test")
	if err == nil {
		err = s.FinishRun(t.Context(), claim, store.OutcomePartial, "2 items in quarantine", false)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.running = request("szr", store.Scope{Full: true})
	if _, err := s.ClaimRun(t.Context(), s.running.ID, "test"); err != nil {
		t.Fatal(err)
	}
	s.waiting = request("szr", store.Scope{Client: "1042"})
	if _, err := s.Pool().Exec(t.Context(), `
		INSERT INTO run_types (run, ordinal, stream, type, to_time, upto, fingerprint, as_of, expected, done, failure, effects)
		SELECT r, v.* FROM (VALUES
			(0, 'clients', 'Patient', now(), now(), '', now(), 12, true, NULL, '{"unchanged": 11, "hidden:inactive": 1}'::jsonb),
			(1, 'reports', 'Observation', now(), now(), '', now(), 6000, false, NULL, '{"unchanged": 1200, "quarantined:bad-date": 2}'),
			(2, 'forms', 'QuestionnaireResponse', now(), NULL, '', now(), NULL, false, 'search QuestionnaireResponse: HTTP 500', '{}')) v
		CROSS JOIN unnest(ARRAY[$1, $2]::bigint[]) r`, s.done.ID, s.running.ID); err != nil {
		// The columns are those of the table, the run first.
		t.Fatal(err)
	}
	return s
}

// browser keeps cookies, and does not follow redirects.
type browser struct {
	*filledHarness
	cookies []*http.Cookie
}

// as logs a user in; empty is no user.
func (s *filledHarness) as(user string) *browser {
	s.t.Helper()
	v := &browser{filledHarness: s}
	if user == "" {
		return v
	}
	w := v.post("/login", url.Values{"token": {"token of " + user}})
	if w.Code != http.StatusSeeOther {
		s.t.Fatalf("%s cannot log in: %d", user, w.Code)
	}
	v.cookies = w.Result().Cookies()
	return v
}

func (v *browser) get(url string, headers ...string) *httptest.ResponseRecorder {
	v.t.Helper()
	return v.ask(http.MethodGet, url, "", headers...)
}

func (v *browser) post(url string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	v.t.Helper()
	return v.ask(http.MethodPost, url, form.Encode(), append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
}

// ask sends a request as a browser does.
func (v *browser) ask(method, url, body string, headers ...string) *httptest.ResponseRecorder {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), method, url, strings.NewReader(body))
	r.Host = "127.0.0.1:8081"
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	return w
}

func runPage(r store.Run) string { return fmt.Sprintf("/runs/%d", r.ID) }
