package dossier_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"dossiersync/store/dossier"
)

// plainJSON is what encoding/json makes of v, not escaped for HTML.
func plainJSON(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func FuzzStringIsWrittenAsEncodingJSONDoes(f *testing.F) {
	for _, s := range []string{"", "Mevrouw <b>sliep</b> & at", "a\"b\\c\b\f\n\r\t\v\x00\x7f", "é\u2028\u2029\xff\ufffd", "💙"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := string(dossier.AppendJSONString(nil, s)), plainJSON(t, s); got != want {
			t.Errorf("%q is written as %s, want %s", s, got, want)
		}
	})
}

// Every field is drawn, also those that are added later.
func TestReportIsWrittenAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	moments := rapid.Custom(func(t *rapid.T) dossier.Moment {
		if rapid.Bool().Draw(t, "none") {
			return dossier.Moment{}
		}
		at := time.UnixMilli(rapid.Int64Range(-1e12, 4e12).Draw(t, "time"))
		return dossier.Moment{Time: at.In(time.FixedZone("", 3600*rapid.IntRange(-2, 2).Draw(t, "zone"))),
			Precision: dossier.Precision(rapid.String().Draw(t, "precision")), Literal: rapid.String().Draw(t, "literal")}
	})
	drawn := rapid.MakeCustom[dossier.Report](rapid.MakeConfig{Types: map[reflect.Type]*rapid.Generator[any]{
		reflect.TypeFor[dossier.Moment](): moments.AsAny(),
	}})
	rapid.Check(t, func(rt *rapid.T) {
		r := drawn.Draw(rt, "report")
		got, err := r.AppendJSON(nil)
		if diff := cmp.Diff(plainJSON(t, &r), string(got)); diff != "" || err != nil {
			rt.Errorf("%v; -want +got\n%s", err, diff)
		}
	})
}
