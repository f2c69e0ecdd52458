package web_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"dossiersync/portalapi/web"
)

type body struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
	List  []any  `json:"list"`
}

// Any body is decoded as package json does, or is a problem; it never panics.
func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, ` {} `, `{"name":"x","count":1,"list":[{"name":1}]}`, `{"name":1}`, `{"NAME":"x"}`, `{"name":"a","name":"b"}`,
		`{}{}`, `[]`, `null`, `{"name":"\ud800"}`, `{"count":1e2}`, `{"count":1.5}`, `{"name":`, `{"a":{"b":[`, "{\"name\":\"\xff\"}", `{"":1}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/", strings.NewReader(text))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		var got body
		if err := web.ReadJSON(httptest.NewRecorder(), r, 1000, &got); err != nil {
			if p := web.ProblemFrom(err); p.Type != web.InvalidParameter && p.Type != web.TooLarge {
				t.Errorf("%q is %v", text, err)
			}
			return
		}
		if strings.TrimSpace(text) == "" {
			return
		}
		var want body
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Errorf("%q is taken, but is no JSON: %v", text, err)
		}
	})
}

func TestDates(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-03-29": "2026-03-28T23:00:00Z", "2026-10-25": "2026-10-24T22:00:00Z", "2024-02-29": "2024-02-28T23:00:00Z",
		"2026-02-29": "", "2026-1-1": "", "2026-01-01T00:00:00Z": "", "9999-01-01": "", "0000-01-01": "", "": "",
	} {
		got, ok := web.ParseDate(text, zone)
		if ok != (want != "") || ok && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %t, want %q", text, got, ok, want)
		}
	}
	night, _ := web.ParseDate("2026-03-29", zone) // has 23 hours
	if got := web.NextDay(night).Sub(night); got != 23*time.Hour {
		t.Errorf("the night that summer time begins makes a day of %v", got)
	}
}
