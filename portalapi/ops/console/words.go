package console

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// number groups digits by three.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// cell is a number in a table of many, of which those that are 0 are not to catch
// the eye.
func cell(n int64) template.HTML {
	if n == 0 {
		return `<span class="muted">0</span>`
	}
	return template.HTML(number(n)) //nolint:gosec // digits and commas
}

// count tells how many there are of a thing.
func count(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + more
}

// tone names the colour of a word: good, warn, part, bad, calm or busy. No colour
// says what the word does not.
func tone(word any) string {
	switch fmt.Sprint(word) {
	case "fresh", "complete", "on time", "shown", "read", "yes":
		return "good"
	case "late", "hidden", "withdrawn":
		return "warn"
	case "partial", "quarantined":
		return "part"
	case "stale", "failed", "no":
		return "bad"
	case "running", "reading":
		return "busy"
	}
	return "calm"
}

func joinParts(parts []dossier.Part) string {
	words := make([]string, 0, len(parts))
	for _, p := range parts {
		words = append(words, string(p))
	}
	if len(words) == 0 {
		return "no part"
	}
	return strings.Join(words, ", ")
}

func by(r store.Run) string {
	if r.RequestedBy == nil {
		return ""
	}
	return *r.RequestedBy
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// some lists names, the first few of many.
func some(names []string) string {
	const few = 4
	if len(names) > few+1 {
		names = append(slices.Clone(names[:few]), fmt.Sprintf("%d others", len(names)-few))
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// missing says which types the source has that no search asks for, the most first.
func missing(counts map[string]int64) string {
	types := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, name := range types {
		types[i] = number(counts[name]) + " " + name
	}
	return strings.Join(types, ", ")
}

// reason is how many items had an effect for a reason.
type reason struct {
	Count         int64
	Word          store.Effect
	Name, Meaning string
}

func reasons(c store.Counts) []reason {
	var list []reason
	for _, e := range c.Reasons.Reasons() {
		list = append(list, reason{c.Reasons[e], e.Word(), string(e.Reason()), e.Reason().Meaning()})
	}
	return list
}

// othersOf counts what of a stream is not shown in a state.
func othersOf(s operate.WhyStream, state string) int64 {
	var n int64
	for _, o := range s.Others {
		if string(o.State) == state {
			n += o.Count
		}
	}
	return n
}

// seenMeanwhile tells what readers see while the newest version is in quarantine.
func seenMeanwhile(it store.QuarantinedItem) string {
	switch {
	case it.State == nil:
		return "nothing: no version of it could be applied yet"
	case *it.State == dossier.StateShown:
		return "the last good version"
	case it.StateReason == nil:
		return fmt.Sprintf("nothing: it is %s", *it.State)
	}
	return fmt.Sprintf("nothing: it is %s (%s)", *it.State, it.StateReason.Meaning())
}

// notes are what operators should know of a tenant besides how fresh it is.
func notes(s operate.Status) []string {
	var list []string
	if s.AwaitingErasures != nil {
		list = append(list, "Nothing is shown to anybody: the database was restored from a backup, and what was erased since may be back until dossiersync migrate --restored has succeeded.")
	}
	if s.AwaitingGrants != nil {
		list = append(list, "Nothing is shown to anybody: the database was restored from a backup, and waits for the portal to send all grants again.")
	}
	if s.EpochSince != nil && s.Now.Sub(*s.EpochSince) < 7*24*time.Hour {
		list = append(list, fmt.Sprintf("The source was restored or replaced %s: everything is read again (epoch %d).", operate.Ago(s.Now, s.EpochSince), s.Epoch))
	}
	return list
}
