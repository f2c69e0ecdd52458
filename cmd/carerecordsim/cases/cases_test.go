package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"image/png"
	"maps"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/cmd/carerecordsim/archive"
	"dossiersync/cmd/carerecordsim/simulator"
)

var noon = time.Date(2025, 11, 21, 12, 0, 0, 0, time.UTC)

func find(t *testing.T, number int) Case {
	t.Helper()
	c, err := Find(number, noon)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryNumberHasACase(t *testing.T) {
	t.Parallel()
	next := 1
	for _, c := range All(noon) {
		if c.Number != next {
			t.Errorf("case %d where %d should be", c.Number, next)
		}
		if next++; next == 25 {
			next = 26
		}
		if c.Name == "" || len(c.Steps) == 0 {
			t.Errorf("case %d is empty", c.Number)
		}
	}
	if next != 61 {
		t.Errorf("the last case is %d, want 60", next-1)
	}
}

// Each resource has the id of its write, belongs to its case, and can be stored; each step changes
// something.
func TestCasesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, c := range All(noon) {
		s := simulator.New(simulator.Options{})
		for i, step := range c.Steps {
			before := state(s)
			if err := step.Play(s, noon.Add(time.Duration(i)*time.Hour)); err != nil {
				t.Errorf("case %d: %v", c.Number, err)
			}
			if step.Name == "" || maps.Equal(before, state(s)) {
				t.Errorf("case %d: step %d, %q, changes nothing", c.Number, i+1, step.Name)
			}
			for _, w := range step.Writes {
				if w.ID != c.Client() && !strings.HasPrefix(w.ID, c.Client()+"-") {
					t.Errorf("case %d writes %s/%s", c.Number, w.Type, w.ID)
				}
				var r struct{ ResourceType, ID string }
				if err := json.Unmarshal(w.Body, &r); w.Body != nil &&
					(err != nil || r.ResourceType != w.Type || r.ID != w.ID) {
					t.Errorf("case %d: %s/%s is %s/%s, %v", c.Number, w.Type, w.ID, r.ResourceType, r.ID, err)
				}
			}
		}
		if c.Number == 6 || c.Number == 8 {
			continue
		}
		if v, err := s.Get("Patient", c.Client()); err != nil ||
			!bytes.Contains(v.Body, []byte(`"Casus `+strconv.Itoa(c.Number)+`"`)) {
			t.Errorf("case %d has no client: %v", c.Number, err)
		}
	}
}

// state returns the resources on a server, without versions.
func state(s *simulator.Server) map[string]string {
	all := map[string]string{}
	for key, body := range s.Resources() {
		before, rest, _ := strings.Cut(string(body), `"versionId":"`)
		_, after, _ := strings.Cut(rest, `"lastUpdated":"`)
		_, after, _ = strings.Cut(after, `"`)
		all[key] = before + after
	}
	return all
}

func TestSameNowSameBytes(t *testing.T) {
	t.Parallel()
	if !reflect.DeepEqual(All(noon), All(noon)) {
		t.Error("the cases of one moment differ")
	}
	if reflect.DeepEqual(All(noon), All(noon.AddDate(0, 0, 1))) {
		t.Error("the cases of two days are the same")
	}
}

// A case that is played at once ends in the same state, with its own times.
func TestPlayEndsAtTheGivenTime(t *testing.T) {
	t.Parallel()
	for _, c := range All(noon) {
		played, stepped := simulator.New(simulator.Options{}), simulator.New(simulator.Options{})
		if err := c.Play(played, noon); err != nil {
			t.Fatal(err)
		}
		for _, step := range c.Steps {
			if err := step.Play(stepped, noon); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := state(played), state(stepped); !maps.Equal(got, want) {
			t.Errorf("case %d (-step by step +at once):\n%s", c.Number, cmp.Diff(want, got))
		}
	}
	s := simulator.New(simulator.Options{})
	c := find(t, 29)
	if err := c.Play(s, noon); err != nil {
		t.Fatal(err)
	}
	v, err := s.Get("QuestionnaireResponse", "casus-29-formulier")
	if err != nil || !v.LastUpdated.Equal(noon) || v.Number != 4 || c.Length() != 3*time.Hour {
		t.Errorf("form is version %d of %v, %v", v.Number, v.LastUpdated, err)
	}
}

func TestForgottenResourcesLeaveNoTrace(t *testing.T) {
	t.Parallel()
	s := simulator.New(simulator.Options{})
	if err := find(t, 13).Play(s, noon); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get("Observation", "casus-13-spoorloos"); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("what vanished: %v", err)
	}
	if _, err := s.Get("Observation", "casus-13-verwijderd"); !errors.Is(err, simulator.ErrDeleted) {
		t.Errorf("what was deleted: %v", err)
	}
}

func TestCasesHaveTheirSubject(t *testing.T) {
	t.Parallel()
	for number, patterns := range map[int][]string{
		18: {`"effectiveDateTime":"2025-12-21T`},
		22: {`\\u0000`, `\\ud83d [^"]`, `\\r\\n`, `😊`, `שלום`},
		28: {`"implicitRules"`},
		33: {
			`"valueBoolean":false`, `"valueDecimal":1\.50`, `"valueInteger"`, `"valueDate"`, `"valueDateTime"`,
			`"valueTime"`, `"valueString"`,
			`"valueUri"`, `"valueCoding"`, `"valueAttachment"`, `"valueQuantity":\{"value":6\}`, `"value":64\.0`,
			`"valueReference"`,
		},
		51: {`2025-10-26T02:30:00\+02:00`, `2025-10-26T02:30:00\+01:00`},
		55: {`23:59:60`},
		57: {`"contentType":"text/html`, `<script>boos`},
		58: {`file:///`, `169\.254`},
	} {
		var all strings.Builder
		for _, step := range find(t, number).Steps {
			for _, w := range step.Writes {
				all.Write(w.Body)
				all.WriteByte('\n')
			}
		}
		if number == 22 && all.Len() < 200_000 {
			t.Errorf("case 22 has %d bytes, and no long text", all.Len())
		}
		for _, p := range patterns {
			if !regexp.MustCompile(p).MatchString(all.String()) {
				t.Errorf("case %d has no %s", number, p)
			}
		}
	}
	if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
		t.Errorf("picture: %v", err)
	}
}

func TestParseChoosesCases(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"12": "12", "31, 12,12": "12 31", "24-27,1": "1 24 26 27", "all": "59",
		"25":  "there is no case 25; there are 59, from 1 to 60",
		"":    `"" is neither a number nor a range of numbers`,
		"1,x": `"x" is neither a number nor a range of numbers`,
		"9-3": "there is no case 9-3; there are 59, from 1 to 60",
	} {
		list, err := Parse(text, noon)
		got := ""
		for _, c := range list {
			got += " " + strconv.Itoa(c.Number)
		}
		switch got = strings.TrimSpace(got); {
		case err != nil:
			got = err.Error()
		case text == "all":
			got = strconv.Itoa(len(list))
		}
		if got != want {
			t.Errorf("Parse(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestFindRefusesUnknownNumbers(t *testing.T) {
	t.Parallel()
	if c, err := Find(12, noon); err != nil || c.Number != 12 || c.Client() != "casus-12" {
		t.Errorf("Find(12) = %d, %v", c.Number, err)
	}
	if _, err := Find(25, noon); err == nil || err.Error() != "there is no case 25; there are 59, from 1 to 60" {
		t.Errorf("Find(25) = %v", err)
	}
}

func TestReadmeListsTheCases(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range All(noon) {
		if !strings.Contains(string(readme), strconv.Itoa(c.Number)+" "+c.Name) {
			t.Errorf("the README has no case %d %s", c.Number, c.Name)
		}
	}
}
