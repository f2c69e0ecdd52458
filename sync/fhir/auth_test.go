package fhir

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var sent string
	next := roundTripper(func(req *http.Request) (*http.Response, error) {
		sent = req.Header.Get("Authorization")
		return respond(req, 200, emptyBundle), nil
	})
	ask := func(over http.RoundTripper) error {
		sent = "-"
		s, q := testSource(t, over)
		_, err := s.Search(t.Context(), q)
		return err
	}

	if err := ask(Basic(next, "jo", "geheim")); err != nil || sent != "Basic am86Z2VoZWlt" {
		t.Errorf("basic: sent %q: %v", sent, err)
	}
	bearer := Bearer(next, FileToken(file))
	write("een\n")
	if err := ask(bearer); err != nil || sent != "Bearer een" {
		t.Errorf("bearer: sent %q: %v", sent, err)
	}
	write("twee")
	if err := ask(bearer); err != nil || sent != "Bearer twee" {
		t.Errorf("a new token: sent %q: %v", sent, err)
	}
	for _, bad := range []string{"", " \n", "ge heim", "geh\neim"} {
		write(bad)
		err := ask(bearer)
		want := "search DocumentReference: there are no credentials for the source: token file " + file + " holds no token"
		if errorText(err) != want || source.KindOf(err) != source.Unauthorized || sent != "-" {
			t.Errorf("%q: sent %q: got %v, want %s", bad, sent, err, want)
		}
	}
}

func TestAuthenticationLeavesTheRequestAlone(t *testing.T) {
	t.Parallel()
	req, _ := http.NewRequest(http.MethodGet, "https://ecd.example", nil)
	next := roundTripper(func(r *http.Request) (*http.Response, error) { return respond(r, 200, ""), nil })
	if _, err := Basic(next, "a", "b").RoundTrip(req); err != nil || len(req.Header) != 0 {
		t.Errorf("got %v %v", req.Header, err)
	}
}

func TestCredentialsNeverCountAgainstTheBreaker(t *testing.T) {
	t.Parallel()
	s, _ := testSource(t, Bearer(nil, FileToken("/does/not/exist")), func(o *Options) { o.OnBreaker = func(state string) { t.Error(state) } })
	for range 20 {
		if _, err := s.Read(t.Context(), dossier.StreamClients, dossier.Ref{Type: "Patient", ID: "1"}); source.KindOf(err) != source.Unauthorized {
			t.Fatal(err)
		}
	}
}
