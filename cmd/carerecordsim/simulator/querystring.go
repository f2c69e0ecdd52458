package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

// pair is one name=value of a query. The order of the query is kept.
type pair struct{ name, value string }

func parseQuery(raw string) ([]pair, error) {
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		if err != nil {
			return nil, badRequest("invalid", "the query is not URL-encoded")
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return nil, badRequest("invalid", "the value of %s is not URL-encoded", n)
		}
		if v != "" { // in FHIR an empty parameter counts as missing
			pairs = append(pairs, pair{n, v})
		}
	}
	return pairs, nil
}

func encodeQuery(pairs []pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value))
	}
	return b.String()
}

// searchPairs returns the parameters of the URL, and of the form of a POST.
func searchPairs(r *http.Request) ([]pair, error) {
	raw := r.URL.RawQuery
	if r.Method == http.MethodPost {
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			return nil, &outcome{http.StatusUnsupportedMediaType, "not-supported", "_search takes a form"}
		}
		form, err := readBody(r)
		if err != nil {
			return nil, err
		}
		raw += "&" + string(form)
	}
	return parseQuery(raw)
}
