package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/simulator"
)

var noon = time.Date(2025, 3, 3, 12, 0, 0, 0, time.UTC)

// folder writes files and loads them.
func folder(t *testing.T, files map[string]string) (*simulator.Server, Summary, string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := simulator.New(simulator.Options{})
	summary, err := Into(s, dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	return s, summary, dir
}

func bodies(s *simulator.Server) string {
	all := s.Resources()
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "%s\n", all[key])
	}
	return b.String()
}

const stamp = `"meta":{"versionId":"1","lastUpdated":"2025-03-03T12:00:00.000Z"}`

func TestFilesAreServedUnchanged(t *testing.T) {
	t.Parallel()
	s, summary, _ := folder(t, map[string]string{
		"README.md":      "not FHIR",
		"a/goal.json":    "\ufeff{\n  \"id\" : \"a\",\n  \"resourceType\": \"Goal\", \"x\": 1.50\n}\n",
		"b/goals.ndjson": `{"resourceType":"Goal","id":"b","meta":{"versionId":"3","lastUpdated":"2020-01-01T00:00:00+01:00"}}` + "\n\n" + `{"resourceType":"Goal","id":"c"}`,
		"c/set.JSON": `{"resourceType":"Bundle","type":"searchset","entry":[
			{"resource":{"resourceType":"Goal","id":"d"},"search":{"mode":"match"}},
			{"resource":{"resourceType":"OperationOutcome"},"search":{"mode":"outcome"}}]}`,
		"d/document.json": `{"resourceType":"Bundle","id":"e","type":"document","entry":[{"resource":{"resourceType":"Composition"}}]}`,
		"e/empty.json":    `{"resourceType":"Bundle","type":"collection"}`,
		"f/odd.json":      `{"resourceType":"Goal","id":"f","entry":7,"type":{}}`,
	})
	want := `{"resourceType":"Bundle","id":"e",` + stamp + `,"type":"document","entry":[{"resource":{"resourceType":"Composition"}}]}
{"id":"a",` + stamp + `,"resourceType":"Goal","x":1.50}
{"resourceType":"Goal","id":"b","meta":{"versionId":"3","lastUpdated":"2020-01-01T00:00:00+01:00"}}
{"resourceType":"Goal","id":"c",` + stamp + `}
{"resourceType":"Goal","id":"d",` + stamp + `}
{"resourceType":"Goal","id":"f",` + stamp + `,"entry":7,"type":{}}
`
	if diff := cmp.Diff(want, bodies(s)); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Summary{Files: 5, Resources: 6}, summary); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestUnreadableFilesAreReported(t *testing.T) {
	t.Parallel()
	s, summary, dir := folder(t, map[string]string{
		"a.json":   `{"resourceType":"Goal",`,
		"b.ndjson": `{"resourceType":"Goal","id":"a"}` + "\nkapot\n" + `{"resourceType":"Goal","id":"b"}` + "\n" + `{"resourceType":"Goal"}`,
		"c.json": `{"resourceType":"Bundle","type":"collection","entry":[
			{"fullUrl":"x"},{"resource":{"resourceType":"Goal","id":"c"}},{"resource":{"id":"d"}}]}`,
		"d.json": `{"resourceType":"Bundle","type":"collection","entry":{}}`,
	})
	if diff := cmp.Diff(map[string]int{"Goal": 3}, s.Counts()); diff != "" {
		t.Errorf("loaded (-want +got):\n%s", diff)
	}
	var got []string
	for _, p := range summary.Unread {
		got = append(got, strings.TrimPrefix(p.String(), dir+string(filepath.Separator)))
	}
	want := []string{
		"a.json: unexpected end of JSON input",
		"b.ndjson:2: invalid character 'k' looking for beginning of value",
		`b.ndjson:4: not a FHIR resource: id ""`,
		"c.json, entry 1: the entry has no resource",
		`c.json, entry 3: not a FHIR resource: resourceType ""`,
		"d.json: json: cannot unmarshal object into Go struct field bundle.Entry of type []load.bundleEntry",
	}
	if diff := cmp.Diff(want, got); diff != "" || summary.Files != 2 {
		t.Errorf("%d files; unread (-want +got):\n%s", summary.Files, diff)
	}
	if _, err := Into(s, filepath.Join(dir, "nowhere"), noon); err == nil {
		t.Error("a folder that is not there was loaded")
	}
}

func TestLaterFileWins(t *testing.T) {
	t.Parallel()
	s, summary, dir := folder(t, map[string]string{
		"a.json":   `{"resourceType":"Goal","id":"a","meta":{"lastUpdated":"2024-01-01T00:00:00Z"},"n":1}`,
		"b.ndjson": `{"resourceType":"Goal","id":"a","meta":{"lastUpdated":"2023-01-01T00:00:00Z"},"n":2}`,
	})
	v, err := s.Get("Goal", "a")
	if err != nil || !bytes.Contains(v.Body, []byte(`"n":2`)) {
		t.Errorf("%s, %v", v.Body, err)
	}
	want := fmt.Sprintf("Goal/a in %s:1 replaces the one in %s", filepath.Join(dir, "b.ndjson"),
		filepath.Join(dir, "a.json"))
	if len(summary.Repeated) != 1 || summary.Repeated[0].String() != want {
		t.Errorf("repeated: %v, want %s", summary.Repeated, want)
	}
}

func TestTransactionsAreProcessed(t *testing.T) {
	t.Parallel()
	s, summary, _ := folder(t, map[string]string{
		"a.json": `{"resourceType":"Goal","id":"old"}`,
		"b.json": `{"resourceType":"Bundle","type":"transaction","entry":[
			{"fullUrl":"urn:uuid:0-1","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},
			{"fullUrl":"urn:uuid:0-2","resource":{"resourceType":"Goal","id":"own","subject":{"reference":"urn:uuid:0-1"}},"request":{"method":"POST","url":"Goal"}},
			{"resource":{"resourceType":"Goal","subject":{"reference":"urn:uuid:9-9"},"note":[{"text":"urn:uuid:0-1 staat hier"}]},"request":{"method":"PUT","url":"Goal/put"}},
			{"request":{"method":"DELETE","url":"Goal/old"}},
			{"resource":{"resourceType":"Goal"},"request":{"method":"POST","url":"Goal"}}]}`,
	})
	want := `{"resourceType":"Goal","id":"own",` + stamp + `,"subject":{"reference":"Patient/0-1"}}
{"id":"put",` + stamp + `,"resourceType":"Goal","subject":{"reference":"urn:uuid:9-9"},"note":[{"text":"urn:uuid:0-1 staat hier"}]}
{"id":"0-1",` + stamp + `,"resourceType":"Patient"}
`
	if diff := cmp.Diff(want, bodies(s)); diff != "" {
		t.Errorf("served (-want +got):\n%s", diff)
	}
	if len(summary.Unread) != 1 || summary.Unread[0].Err.Error() != "Goal without an id" {
		t.Errorf("unread: %v", summary.Unread)
	}
}

// Resources of any FHIR R4 files are served with the same content.
func TestRealFiles(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("DOSSIERSYNC_FHIR_EXAMPLES")
	if dir == "" {
		t.Skip("DOSSIERSYNC_FHIR_EXAMPLES names no folder of FHIR R4 files")
	}
	s := simulator.New(simulator.Options{})
	summary, err := Into(s, dir, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range summary.Unread {
		t.Errorf("unread: %s", p)
	}
	single := 0
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".json" {
			return err
		}
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		single++
		return sameContent(s, raw)
	})
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d files, %d resources, %d of them alone in a file; %d repeated; %v", summary.Files, summary.Resources,
		single, len(summary.Repeated), s.Counts())
}

// sameContent reports how the server's copy differs from raw, apart from meta.
func sameContent(s *simulator.Server, raw []byte) error {
	var want, got map[string]any
	if err := json.Unmarshal(raw, &want); err != nil {
		return err
	}
	v, err := s.Get(fmt.Sprint(want["resourceType"]), fmt.Sprint(want["id"]))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(v.Body, &got); err != nil {
		return err
	}
	delete(want, "meta")
	delete(got, "meta")
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("%s/%s (-want +got):\n%s", v.Type, v.ID, diff)
	}
	return nil
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Goal","id":"a"}`))
	f.Add([]byte(`{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"urn:uuid:x","resource":{"resourceType":"Goal"}},{"request":{"method":"delete","url":"Goal/x"}}]}`))
	f.Add([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:oid:1.2","resource":[]},{"resource":{}},{"resource":null},{"fullUrl":"/","resource":{ }}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := loader{server: simulator.New(simulator.Options{}), at: noon, seen: map[string]string{}}
		n := l.document(raw, "f.json")
		if n != l.Resources || n < len(l.server.Resources()) {
			t.Errorf("%q: %d loaded, %d counted, %d there", raw, n, l.Resources, len(l.server.Resources()))
		}
	})
}
