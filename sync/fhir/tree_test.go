package fhir

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"dossiersync/store/dossier"
)

// readWhole reads raw, one member of an object, whole.
func readWhole(raw string) (*resource, value, bool) {
	r := &resource{limits: Limits{Depth: 1000}}
	if err := r.load([]byte(`{"v":` + raw + `}`)); err != nil {
		return r, value{}, false
	}
	v := r.get("v")
	alone := string(r.written("v")) == strings.Trim(raw, " \t\r\n") // or raw broke out of its place
	return r, v, r.failed == nil && alone
}

func TestTreeAcceptsWhatIsJSON(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`null`, `true`, `false`, `0`, `-0`, `1.50`, `1e5`, `-1.5E+10`, `""`, `"a\"b\\c\/d\b\f\n\r\t\u00e9"`,
		`[]`, `[ ]`, `[1 , [2], {"a":3}]`, `{}`, `{ "a" : [ { } ] }`,
	} {
		if _, _, ok := readWhole(raw); !ok {
			t.Errorf("%s: refused", raw)
		}
	}
	for _, raw := range []string{
		``, `nul`, `True`, `01`, `1.`, `.5`, `-`, `1e`, `+1`, `0x1`, `"a`, `"\x"`, `"\u12"`, "\"a\nb\"", `[1,]`, `[,]`, `[1 2]`,
		`{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, `[}`, `{]`, `NaN`, `'a'`, `1 2`,
	} {
		if _, _, ok := readWhole(raw); ok {
			t.Errorf("%s: accepted", raw)
		}
	}
}

func TestFaultsNameTheirPlace(t *testing.T) {
	t.Parallel()
	const raw = `{"a":[{"b":"x"},{"b":7,"c":null,"d":"\ud800","e":"\u0000","f":[1]}],"twice":1,"twice":2,"list":{}}`
	for _, test := range []struct {
		ask    func(r *resource)
		detail string
		reason dossier.Reason
	}{
		{func(r *resource) { r.get("a").at(1).get("b").str() }, "a[1].b: not a text", dossier.BadEnvelope},
		{func(r *resource) { r.get("a").at(1).get("d").str() }, "a[1].d: holds half a surrogate pair", dossier.BadText},
		{func(r *resource) { r.get("a").at(1).get("e").str() }, "a[1].e: holds U+0000", dossier.BadText},
		{func(r *resource) { r.get("a").get("b") }, "a: not an object", dossier.BadEnvelope},
		{func(r *resource) { r.get("a").at(1).get("f").at(0).bool() }, "a[1].f[0]: not true or false", dossier.BadEnvelope},
		{func(r *resource) { r.get("a").at(0).get("b").number() }, "a[0].b: not a number", dossier.BadEnvelope},
		{func(r *resource) { r.get("twice") }, "twice: given twice", dossier.BadEnvelope},
		{func(r *resource) { r.get("list").at(0) }, "list: not a list", dossier.BadEnvelope},
	} {
		r := &resource{limits: Limits{}.withDefaults()}
		if err := r.load([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		test.ask(r)
		if r.failed == nil || r.failed.detail != test.detail || r.failed.reason != test.reason {
			t.Errorf("got %+v, want %s %s", r.failed, test.reason, test.detail)
		}
	}
}

func TestAbsentAndNullAreNoFaults(t *testing.T) {
	t.Parallel()
	r, v, _ := readWhole(`{"n":null,"s":"x"}`)
	for _, absent := range []value{v.get("n"), v.get("none"), v.get("n").get("deeper"), r.get("none").at(3), {}} {
		if absent.ok() || absent.str() != "" || absent.bool() || absent.number() != "" {
			t.Errorf("%+v: is there", absent)
		}
		for range absent.each() {
			t.Error("has elements")
		}
	}
	if r.failed != nil {
		t.Error(r.failed)
	}
}

func TestTextKeepsEveryCharacter(t *testing.T) {
	t.Parallel()
	_, v, _ := readWhole(`"\ud83d\ude00 é \u00e9 \"q\" 😀 שלום"`)
	if got, want := v.str(), "😀 é é \"q\" 😀 שלום"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	nested := func(n int) string { return `{"v":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	for n, want := range map[int]bool{8: true, 9: true, 10: false, 100_000: false} {
		r := &resource{limits: Limits{Depth: 10}}
		if err := r.load([]byte(nested(n))); err != nil {
			t.Fatal(err)
		}
		r.get("v")
		if got := r.failed == nil; got != want || r.deep == want {
			t.Errorf("%d deep: got %v (%+v), want %v", n, got, r.failed, want)
		}
	}
}

func TestEscapedNamesAreRefused(t *testing.T) {
	t.Parallel()
	r := &resource{limits: Limits{}.withDefaults()}
	if r.load([]byte(`{"modifierE\u0078tension":[{}]}`)) == nil {
		t.Error("a mark may hide behind an escaped name")
	}
	if _, _, ok := readWhole(`{"modifierE\u0078tension":[{}]}`); ok {
		t.Error("a mark may hide behind an escaped name")
	}
}

// FuzzTree holds the reader against encoding/json: it accepts the same, and
// reads the same, except for texts that encoding/json mends in silence.
func FuzzTree(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":null}],"c":"x\u00e9\n"}`, `"\ud83d\ude00"`, `"\ud83d"`, `[1.5e3,-0]`, `{"a":{"a":1}}`,
		"\"\xff\"", `{"a":1,"a":2}`, `[[[[[[]]]]]]`, `tru`, `"\"`, ` 1 `} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		_, v, ok := readWhole(raw)
		var want any
		d := json.NewDecoder(strings.NewReader(raw))
		d.UseNumber()
		err := d.Decode(&want)
		valid := err == nil && json.Valid([]byte(raw))
		if ok && !valid {
			t.Fatalf("accepted %q", raw)
		}
		if !ok || !utf8.ValidString(raw) {
			return
		}
		compare(t, v, want)
	})
}

func compare(t *testing.T, v value, want any) {
	t.Helper()
	switch want := want.(type) {
	case nil:
		if v.ok() {
			t.Fatalf("%s: is there", v.path())
		}
	case bool:
		if v.bool() != want {
			t.Fatalf("%s: not %v", v.path(), want)
		}
	case json.Number:
		if v.number() != want.String() {
			t.Fatalf("%s: %s, want %s", v.path(), v.number(), want)
		}
	case string:
		if got := v.str(); got != want && v.r.failed == nil {
			t.Fatalf("%s: %q, want %q", v.path(), got, want)
		}
	case []any:
		n := 0
		for i, e := range v.each() {
			compare(t, e, want[i])
			n++
		}
		if n != len(want) {
			t.Fatalf("%s: %d elements, want %d", v.path(), n, len(want))
		}
	case map[string]any:
		for name, w := range want {
			if v.r.failed == nil && utf8.ValidString(name) {
				if got := v.get(name); v.r.failed == nil {
					compare(t, got, w)
				}
			}
		}
	default:
		t.Fatalf("%T", want)
	}
}

func TestWholeTellsCutOffFromBroken(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]error{
		`{"a":1}`: nil, " {\"a\":\"}\"}\n": nil, `{"a":"\"}"}`: nil,
		``: errCutOff, `{"a":1`: errCutOff, `{"a":"}`: errCutOff, `{"a":[{}`: errCutOff,
		`[]`: errSyntax, `x`: errSyntax, `{} {}`: errSyntax,
	} {
		if got := whole([]byte(raw)); got != want {
			t.Errorf("%s: got %v, want %v", raw, got, want)
		}
	}
}
