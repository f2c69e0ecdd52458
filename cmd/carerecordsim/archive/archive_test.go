package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var noon = time.Date(2025, 3, 3, 12, 0, 0, 0, time.UTC)

func TestPutSetsMetaAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("CET", 3600)
	a := New(zone)
	raw := `{"id":"x.1", "resourceType":"Observation",
		"meta":{"lastUpdated":"1999-01-01T00:00:00Z","versionId":"77","tag":[{"code":"a"}]},
		"valueQuantity":{"value":1.50},"note":[{"text":"een \u0000 \ud800 \"}\\"}],"unknown":{"a":[]}}`
	v, err := a.Put([]byte(raw), noon.Add(1234567*time.Nanosecond))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Observation","id":"x.1",` +
		`"meta":{"versionId":"1","lastUpdated":"2025-03-03T13:00:00.001+01:00","tag":[{"code":"a"}]},` +
		`"valueQuantity":{"value":1.50},"note":[{"text":"een \u0000 \ud800 \"}\\"}],"unknown":{"a":[]}}`
	if diff := cmp.Diff(want, string(v.Body)); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestPutRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, `null`, `[]`, `"x"`, `{}`, `{"resourceType":"Patient"}`, `{"resourceType":"Patient","id":""}`,
		`{"resourceType":"Patient","id":"a b"}`, `{"resourceType":"Patient","id":7}`,
		`{"resourceType":"Patient","id":"a","id":"b"}`, `{"resourceType":"Pat/ient","id":"a"}`,
		`{"resourceType":"Patient","id":"a","meta":[]}`, `{"resourceType":"Patient","id":"a"`,
		"{\"resourceType\":\"Patient\",\"id\":\"a\",\"x\":\"\xff\"}",
		`{"resourceType":"Patient","id":"` + strings.Repeat("a", 65) + `"}`,
	} {
		if _, err := New(nil).Put([]byte(raw), noon); !errors.Is(err, ErrInvalid) {
			t.Errorf("Put(%s) = %v, want ErrInvalid", raw, err)
		}
	}
}

func TestPutAsIsSetsMissingMeta(t *testing.T) {
	t.Parallel()
	const written = `{"x":1.50,"id":"a","resourceType":"Goal"%s,"y":"\ud800"}`
	for meta, want := range map[string]string{
		``:                            `{"x":1.50,"id":"a","meta":{"versionId":"1","lastUpdated":"2025-03-03T12:00:00.000Z"},"resourceType":"Goal","y":"\ud800"}`,
		`,"meta":{}`:                  `{"x":1.50,"id":"a","resourceType":"Goal","meta":{"versionId":"1","lastUpdated":"2025-03-03T12:00:00.000Z"},"y":"\ud800"}`,
		`,"meta":{"versionId":"v 7"}`: `{"x":1.50,"id":"a","resourceType":"Goal","meta":{"lastUpdated":"2025-03-03T12:00:00.000Z","versionId":"v 7"},"y":"\ud800"}`,
		`,"meta":{"lastUpdated":"2020-02-29T23:59:59.123456789+01:00","versionId":"9"}`: `{"x":1.50,"id":"a","resourceType":"Goal","meta":{"lastUpdated":"2020-02-29T23:59:59.123456789+01:00","versionId":"9"},"y":"\ud800"}`,
		`,"meta":{"lastUpdated":"gisteren","versionId":null}`:                           `{"x":1.50,"id":"a","resourceType":"Goal","meta":{"lastUpdated":"gisteren","versionId":null},"y":"\ud800"}`,
	} {
		a := New(nil)
		v, err := a.PutAsIs(fmt.Appendf(nil, written, meta), noon)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(v.Body)); diff != "" {
			t.Errorf("%s: body (-want +got):\n%s", meta, diff)
		}
		if a.Version("Goal", "a", v.VersionID()) != v {
			t.Errorf("%s: version %q is not found", meta, v.VersionID())
		}
	}
}

// The lastUpdated of the resource orders it, and the next write continues its version number.
func TestPutAsIsKeepsTimeAndNumber(t *testing.T) {
	t.Parallel()
	a := New(nil)
	v, err := a.PutAsIs([]byte(`{"resourceType":"Goal","id":"a","meta":{"versionId":"9","lastUpdated":"2020-03-01T00:00:00.123456789+01:00"}}`), noon)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2020, 2, 29, 23, 0, 0, 123456000, time.UTC); !v.LastUpdated.Equal(want) {
		t.Errorf("lastUpdated = %v, want %v", v.LastUpdated, want)
	}
	if next := put(t, a, `{"resourceType":"Goal","id":"a"}`, noon); next.VersionID() != "10" {
		t.Errorf("next version is %s, want 10", next.VersionID())
	}
}

func TestSearchForHistoryAndDeletions(t *testing.T) {
	t.Parallel()
	a := New(nil)
	put(t, a, `{"resourceType":"Goal","id":"a"}`, noon)
	put(t, a, `{"resourceType":"Goal","id":"b"}`, noon.Add(time.Second))
	put(t, a, `{"resourceType":"Goal","id":"a"}`, noon.Add(2*time.Second))
	if _, err := a.Delete("Goal", "b", noon.Add(3*time.Second)); err != nil {
		t.Fatal(err)
	}
	early, late := int64(3), a.Seq()
	for _, tt := range []struct {
		query Query
		want  string
	}{
		{Query{Which: All, AsOf: late}, "a1 b1 a2 b2"},
		{Query{Which: All, AsOf: late, Order: Newest}, "b2 a2 b1 a1"},
		{Query{Which: All, AsOf: late, IDs: []string{"a"}, Order: Newest}, "a2 a1"},
		{Query{Which: All, AsOf: early, IDs: []string{"a", "b"}}, "a1 b1 a2"},
		{Query{Which: All, AsOf: late, From: noon.Add(2 * time.Second)}, "a2 b2"},
		{Query{Which: Deleted, AsOf: late}, "b2"},
		{Query{Which: Deleted, AsOf: early}, ""},
		{Query{Which: Deleted, AsOf: late, Order: ByID, IDs: []string{"a", "b"}}, "b2"},
	} {
		tt.query.Type = "Goal"
		page, _ := a.Search(tt.query, -1)
		var got []string
		for _, v := range page {
			got = append(got, v.ID+v.VersionID())
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%+v finds %v, want %s", tt.query, got, tt.want)
		}
	}
}

func TestForgottenLeavesNoTrace(t *testing.T) {
	t.Parallel()
	a := New(nil)
	for range 2 {
		put(t, a, `{"resourceType":"Goal","id":"a","subject":{"reference":"Patient/p"}}`, noon)
		put(t, a, `{"resourceType":"Goal","id":"b","subject":{"reference":"Patient/p"}}`, noon)
	}
	if !a.Forget("Goal", "a") || a.Forget("Goal", "a") || a.Forget("Patient", "a") {
		t.Error("Forget does not say what it did")
	}
	for _, q := range []Query{{}, {Patient: "p"}, {Order: ByID}, {IDs: []string{"a", "b"}}} {
		q.Type, q.Which, q.AsOf = "Goal", All, a.Seq()
		page, _ := a.Search(q, -1)
		for _, v := range page {
			if v.ID == "a" {
				t.Errorf("%+v finds a", q)
			}
		}
	}
	if v := put(t, a, `{"resourceType":"Goal","id":"a"}`, noon); v.VersionID() != "1" {
		t.Errorf("comes back as version %s, want 1", v.VersionID())
	}
}

func TestVersionsStayReadable(t *testing.T) {
	t.Parallel()
	a := New(nil)
	for range 2 {
		put(t, a, `{"resourceType":"Patient","id":"a"}`, noon)
	}
	if _, err := a.Delete("Patient", "a", noon); err != nil {
		t.Fatal(err)
	}
	for version, deleted := range map[string]bool{"1": false, "2": false, "3": true} {
		v := a.Version("Patient", "a", version)
		if v == nil || v.Deleted != deleted {
			t.Errorf("version %s = %+v, want deleted %v", version, v, deleted)
		}
	}
	again, err := a.Delete("Patient", "a", noon)
	if err != nil || again.Number != 3 {
		t.Errorf("second Delete = version %d, %v; want 3", again.Number, err)
	}
	if _, err := a.Delete("Patient", "b", noon); !errors.Is(err, ErrNotFound) {
		t.Errorf("Delete of nothing = %v, want ErrNotFound", err)
	}
}

func TestPatientIDReadsReferences(t *testing.T) {
	t.Parallel()
	for ref, want := range map[string]string{
		"Patient/1": "1", "http://h/fhir/Patient/1": "1", "Patient/1/_history/2": "1",
		"Group/1": "", "1": "", "#p": "", "": "", "XPatient/1": "",
	} {
		if got := PatientID(ref); got != want {
			t.Errorf("PatientID(%q) = %q, want %q", ref, got, want)
		}
	}
}

// Pages equal a plain filter over the last state, whatever was written at which time.
func TestSearchEqualsPlainFilter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, state, paging := New(nil), map[string]*Version{}, false
		write := func() {
			id := fmt.Sprint(rapid.IntRange(0, 12).Draw(t, "id"))
			if rapid.IntRange(0, 9).Draw(t, "forget") == 0 && !paging {
				a.Forget("Goal", id)
				delete(state, id)
				return
			}
			at := noon.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "second")) * time.Second)
			if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
				if _, err := a.Delete("Goal", id, at); err == nil {
					delete(state, id)
				}
				return
			}
			patient := rapid.SampledFrom([]string{"p", "q"}).Draw(t, "patient")
			v, err := a.Put(fmt.Appendf(nil, `{"resourceType":"Goal","id":%q,"subject":{"reference":"Patient/%s"}}`,
				id, patient), at)
			if err != nil {
				t.Fatal(err)
			}
			state[id] = v
		}
		for range rapid.IntRange(0, 40).Draw(t, "writes") {
			write()
		}
		q := Query{Type: "Goal", AsOf: a.Seq(), Order: Order(rapid.IntRange(0, 2).Draw(t, "order"))}
		q.Patient = rapid.SampledFrom([]string{"", "p"}).Draw(t, "for")
		if rapid.Bool().Draw(t, "from") {
			q.From = noon.Add(2 * time.Second)
		}
		if rapid.Bool().Draw(t, "until") {
			q.Until = noon.Add(4 * time.Second)
		}
		if rapid.Bool().Draw(t, "ids") {
			q.IDs = []string{"7", "3", "3", "none", "1"}
		}
		want := plain(state, q)
		if n := a.Count(q); n != len(want) {
			t.Fatalf("Count = %d, want %d", n, len(want))
		}
		var got []string
		paging = true
		for more := true; more; {
			var page []*Version
			page, more = a.Search(q, rapid.IntRange(1, 4).Draw(t, "limit"))
			for _, v := range page {
				got = append(got, fmt.Sprintf("%s/%d", v.ID, v.Number))
				p := v.Position()
				q.After = &p
			}
			write() // after the first page nothing moves any more
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("found (-want +got):\n%s", diff)
		}
	})
}

func plain(state map[string]*Version, q Query) []string {
	var list []*Version
	for _, v := range state {
		if (q.Patient == "" || v.Patient() == q.Patient) && (q.IDs == nil || slices.Contains(q.IDs, v.ID)) &&
			(q.From.IsZero() || !v.LastUpdated.Before(q.From)) && (q.Until.IsZero() || v.LastUpdated.Before(q.Until)) {
			list = append(list, v)
		}
	}
	slices.SortFunc(list, func(v, w *Version) int {
		byID := strings.Compare(v.ID, w.ID)
		if q.Order == ByID {
			return byID
		}
		byTime := v.LastUpdated.Compare(w.LastUpdated)
		if byTime == 0 {
			byTime = byID
		}
		if q.Order == Newest {
			return -byTime
		}
		return byTime
	})
	var names []string
	for _, v := range list {
		names = append(names, fmt.Sprintf("%s/%d", v.ID, v.Number))
	}
	return names
}

func put(t *testing.T, a *Archive, raw string, at time.Time) *Version {
	t.Helper()
	v, err := a.Put([]byte(raw), at)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func FuzzPutAsIs(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Goal","id":"a","meta":{"tag":[]},"x":"\\\"{"}`))
	f.Add([]byte(`{"x":{"id":"b","meta":{}},"\u0069d":"a", "resourceType" : "Goal"}`))
	f.Add([]byte(`{"resourceType":"Goal","meta":{"versionId":7,"lastUpdated":"2020"},"id":"a"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := New(nil).PutAsIs(raw, noon)
		if err != nil {
			return
		}
		var want, got map[string]any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("stored what is not JSON: %q", raw)
		}
		if err := json.Unmarshal(v.Body, &got); err != nil {
			t.Fatalf("stored %q as %q: %v", raw, v.Body, err)
		}
		meta, _ := got["meta"].(map[string]any)
		had, _ := want["meta"].(map[string]any)
		for name, value := range had {
			if diff := cmp.Diff(value, meta[name]); diff != "" {
				t.Errorf("meta.%s changed (-want +got):\n%s", name, diff)
			}
		}
		delete(want, "meta")
		delete(got, "meta")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("content changed (-want +got):\n%s", diff)
		}
	})
}

func FuzzPut(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Observation","id":"a","meta":{"tag":[]},"code":{"coding":[{"code":"x"}]},"s":"\\\"{"}`))
	f.Add([]byte(`{"resourceType":"Patient","id":"\u0061","status":[[["a"]]],"subject":{"reference":7}}`))
	f.Add([]byte(`{"\u0069d":"a","resourceType":"Goal","a":{},"b":[],"c":[{},[1,-2e3,true,null]]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := New(nil).Put(raw, noon)
		if err != nil {
			return
		}
		var want, got map[string]any
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatalf("stored what is not JSON: %q", raw)
		}
		if err := json.Unmarshal(v.Body, &got); err != nil {
			t.Fatalf("stored %q as %q: %v", raw, v.Body, err)
		}
		delete(want, "meta")
		delete(got, "meta")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("content changed (-want +got):\n%s", diff)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, v.Body); err != nil || !bytes.Equal(compact.Bytes(), v.Body) {
			t.Errorf("body is not compact: %q", v.Body)
		}
	})
}
