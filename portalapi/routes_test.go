package portalapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"

	"dossiersync/portalapi/portaltest"
)

// The status of every operation of the contract, and of HEAD for every GET, for every kind of
// token.
func TestRoutesByKindOfToken(t *testing.T) {
	t.Parallel()
	p := newDossierHarness(t)
	p.exec(`UPDATE grants SET manager = true`)
	r, f, pl := report("1", "r", noon()), form("1", "f", noon()), plan("1", "p", noon(), true)
	p.items(r, f, pl)
	p.client("szr", "1", "Van een ander huis")
	signed := func(user string, change claims) string {
		c := claimsOf(user, "dossier:read")
		for name, value := range change {
			c[name] = value
		}
		return sign(t, jwa.ES256(), p.keys.private, c)
	}
	tokens := map[string]string{
		"none":                 "",
		"expired":              signed("daughter", claims{"exp": time.Now().Add(-time.Hour).Unix()}),
		"of another issuer":    signed("daughter", claims{"iss": "https://other.example"}),
		"of no tenant":         signed("daughter", claims{"tenant": nil}),
		"without scope":        signed("daughter", claims{"scope": nil}),
		"of another scope":     signed("daughter", claims{"scope": "openid dossier:readable"}),
		"reader":               signed("daughter", nil),
		"stranger":             signed("stranger", nil),
		"reader elsewhere":     signed("daughter", claims{"tenant": "szr"}),
		"portal":               signed("portal", claims{"scope": "dossier:grants"}),
		"portal elsewhere":     signed("portal", claims{"scope": "dossier:grants", "tenant": "szr"}),
		"portal that may read": signed("daughter", claims{"scope": "dossier:read dossier:grants"}),
	}
	const grants, all = "/grants", "PUT /v1/grants"
	want := func(kind, operation string) int {
		forPortal := strings.Contains(operation, grants)
		switch kind {
		case "none", "expired", "of another issuer", "of no tenant":
			return http.StatusUnauthorized
		case "without scope", "of another scope":
			return http.StatusForbidden
		case "reader", "stranger", "reader elsewhere":
			if forPortal {
				return http.StatusForbidden
			}
		default:
			if !forPortal && kind != "portal that may read" {
				return http.StatusForbidden
			}
		}
		switch _, path, _ := strings.Cut(operation, " "); {
		case strings.HasPrefix(operation, "POST") && kind != "stranger" && kind != "reader elsewhere":
			return http.StatusNoContent
		case strings.HasPrefix(operation, "DELETE"):
			return map[bool]int{true: http.StatusNoContent, false: http.StatusNotFound}[kind != "portal elsewhere"]
		// A grant that is asked for alone has to be there.
		case forPortal && strings.HasSuffix(path, "{user}") && !strings.HasPrefix(operation, "PUT") && kind == "portal elsewhere":
			return http.StatusNotFound
		case !forPortal && path != "/v1/dossiers" && (kind == "stranger" || kind == "reader elsewhere"):
			return http.StatusNotFound
		}
		return http.StatusOK
	}
	one := map[string]string{"reports": r.key(), "forms": f.key(), "care-plans": pl.key()}
	item := regexp.MustCompile(`(reports|forms|care-plans)/\{id\}`)
	body := map[bool]string{
		true:  `{"asOf":"` + time.Now().Format(time.RFC3339) + `","items":[{"client":"1","user":"daughter","role":"client","parts":["reports","forms","care-plans"],"state":"accepted"}]}`,
		false: `{"role":"client","parts":["reports","forms","care-plans"],"state":"accepted"}`,
	}
	for _, operation := range operations(t) {
		method, path, _ := strings.Cut(operation, " ")
		url := item.ReplaceAllStringFunc(path, func(s string) string {
			list, _, _ := strings.Cut(s, "/")
			return list + "/" + one[list]
		})
		url = strings.NewReplacer("{client}", "1", "{user}", "daughter").Replace(url)
		if strings.HasSuffix(path, "/density") {
			url += "?by=month"
		}
		got, wanted := map[string]int{}, map[string]int{}
		for kind, token := range tokens {
			send := ""
			switch method {
			case http.MethodPut:
				send = body[operation == all]
			case http.MethodPost:
				send = `{"event":"print","object":{"kind":"report","id":"` + r.key() + `"}}`
			}
			a := p.do(method, url, token, send, "Dossier-Actor", "daughter", "Content-Type", "application/json")
			got[kind], wanted[kind] = a.status, want(kind, operation)
			if a.status == http.StatusUnauthorized != strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") && a.status != http.StatusForbidden {
				t.Errorf("%s by %s: %d with challenge %q", operation, kind, a.status, a.header.Get("WWW-Authenticate"))
			}
			// What was revoked is given again.
			if method == http.MethodDelete {
				p.exec(`UPDATE grants SET state = 'accepted'`)
			}
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", operation, diff)
		}
	}
}

// isPublic reports whether the path needs no token.
func isPublic(path string) bool {
	return path == "/" || path == "/openapi.yaml" || path == "/openapi.json"
}

// operations returns the operations of the contract that need a token, including HEAD.
func operations(t *testing.T) []string {
	t.Helper()
	c, err := portaltest.Contract()
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, operation := range c.Paths() {
		method, path, _ := strings.Cut(operation, " ")
		if isPublic(path) {
			continue
		}
		list = append(list, operation)
		if method == http.MethodGet {
			list = append(list, "HEAD "+path)
		}
	}
	return list
}
