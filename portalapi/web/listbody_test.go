package web_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/portalapi/web"
)

// streamed reads a body with the list items by NewListBody.
func streamed(body io.Reader, limit, each int64) (items []string, asOf string, listed bool, err error) {
	r := httptest.NewRequest(http.MethodPut, "/", body)
	r.Header.Set("Content-Type", "application/json")
	s, err := web.NewListBody(httptest.NewRecorder(), r, limit, each, "items", "asOf")
	if err != nil {
		return nil, "", false, err
	}
	for {
		name, value, err := s.Next()
		switch {
		case errors.Is(err, io.EOF):
			return items, asOf, s.Listed(), nil
		case err != nil:
			return nil, "", false, err
		case name == "":
			items = append(items, string(value))
		default:
			asOf = string(value)
		}
	}
}

// ListBody accepts and returns the same values as reading the whole body at once.
func FuzzStream(f *testing.F) {
	for _, body := range []string{
		`{}`, `{"items":[]}`, `{"items":[1,"a",{"b":[]},null]}`, `{"asOf":"x","items":[1]}`, `{"items":[1],"asOf":null}`, `{"items":[1],"items":[]}`,
		`{"items":1}`, `{"items":null}`, `{"Items":[]}`, `[]`, ``, ` `, `{"items":[1}`, `{"items":[1,]}`, `{"items":[1 2]}`, `{"items":[],}`, `{"items":[]} {}`,
		`{"items":[]}x`, `{,}`, `{"a":1}`, `{"items":["\ud800"]}`, `{"items":[1e999]}`, `{"items" [1]}`, `{"items":[}`, `{"":1}`, `{"items":{"a":1}}`, `{"items":[nul]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		items, asOf, listed, err := streamed(strings.NewReader(body), 1<<20, 1<<20)
		var want struct {
			Items []json.RawMessage `json:"items"`
			AsOf  json.RawMessage   `json:"asOf"`
		}
		wantErr := web.ParseJSON([]byte(body), &want)
		if wantErr == nil && want.Items == nil && listed {
			return // null: read at once, it is as if it were left out
		}
		if nothing := strings.TrimSpace(body) == "" || wantErr == nil && want.Items == nil; nothing && err != nil {
			return // the same
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: streamed %v, at once %v", body, err, wantErr)
		}
		if err != nil {
			if _, ok := errors.AsType[*web.Problem](err); !ok {
				t.Fatalf("%q fails with %v", body, err)
			}
			return
		}
		var atOnce []string
		for _, v := range want.Items {
			atOnce = append(atOnce, string(v))
		}
		if diff := cmp.Diff(atOnce, items); diff != "" || asOf != string(want.AsOf) || listed != (want.Items != nil) {
			t.Errorf("%q (-at once +streamed), asOf %q and %q:\n%s", body, want.AsOf, asOf, diff)
		}
	})
}

// forever repeats a text, and counts the bytes read.
type forever struct {
	head, text string
	read       int
}

func (f *forever) Read(p []byte) (int, error) {
	for i := range p {
		if f.read < len(f.head) {
			p[i] = f.head[f.read]
		} else {
			p[i] = f.text[(f.read-len(f.head))%len(f.text)]
		}
		f.read++
	}
	return len(p), nil
}

// ListBody holds at most one value and the bytes read ahead, whatever is sent.
func TestStreamIsBounded(t *testing.T) {
	t.Parallel()
	for head, text := range map[string]string{
		`{"items":["`: "x", `{"`: "x", `{"items":[`: "[", `{"asOf":"`: "x", "": " ", `{"items":[1,`: " ",
	} {
		body := &forever{head: head, text: text}
		_, _, _, err := streamed(body, 1<<30, 16<<10)
		p, ok := errors.AsType[*web.Problem](err)
		if !ok || p.Type != web.TooLarge && p.Type != web.InvalidParameter || body.read > 1<<20 {
			t.Errorf("%s%s… is answered with %v after %d bytes", head, text, err, body.read)
		}
	}
	// A list as such may be as long as the body.
	body := &forever{head: `{"items":[1`, text: `,"abc"`}
	_, _, _, err := streamed(body, 4<<20, 16<<10)
	if p, ok := errors.AsType[*web.Problem](err); !ok || p.Type != web.TooLarge || body.read < 4<<20 {
		t.Errorf("a long list is answered with %v after %d bytes", err, body.read)
	}
}
