package console

import (
	"cmp"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dossiersync/portalapi/ops/answer"
	"dossiersync/store"
)

var funcs = template.FuncMap{
	"asset":    func(name string) string { return assetNames[name] },
	"icon":     icon,
	"path":     url.PathEscape,
	"when":     when,
	"moment":   moment,
	"clock":    func(t time.Time, zone *time.Location) string { return t.In(zone).Format("15:04") },
	"ago":      answer.Ago,
	"since":    func(now, t time.Time) string { return answer.Ago(now, &t) },
	"span":     answer.Span,
	"until":    func(now, t time.Time) string { return answer.Span(max(t.Sub(now), 0)) },
	"number":   number,
	"cell":     cell,
	"count":    count,
	"scope":    answer.ScopeWords,
	"brief":    answer.ScopeBrief,
	"outcome":  func(r store.Run) string { return answer.OutcomeWord(&r) },
	"took":     took,
	"tone":     tone,
	"join":     joinParts,
	"streams":  store.Streams,
	"slots":    answer.SlotStates,
	"slot":     slot,
	"notes":    notes,
	"seen":     seenMeanwhile,
	"rate":     func(perSecond float64) string { return number(int64(perSecond+0.5)) + " a second" },
	"missing":  missing,
	"by":       by,
	"reasons":  reasons,
	"yes":      yes,
	"some":     some,
	"othersOf": othersOf,
	"runsOf":   newRunList,
	"whyForm":  newWhyForm,
}

// when tells a moment as people say it, marked up for programs.
func when(t, now time.Time, zone *time.Location) template.HTML {
	t, now = t.In(zone), now.In(zone)
	text := t.Format("Mon 2 Jan 2006 15:04")
	day := func(t time.Time) int {
		return int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	switch d := day(t) - day(now); {
	case d == 0:
		text = "today " + t.Format("15:04")
	case d == -1:
		text = "yesterday " + t.Format("15:04")
	case d == 1:
		text = "tomorrow " + t.Format("15:04")
	case t.Year() == now.Year():
		text = t.Format("Mon 2 Jan 15:04")
	}
	return mark(t, text)
}

// moment tells a moment in full, to the second.
func moment(t time.Time, zone *time.Location) template.HTML {
	t = t.In(zone)
	return mark(t, t.Format("Mon 2 Jan 2006 15:04:05"))
}

func mark(t time.Time, text string) template.HTML {
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + text + `</time>`) //nolint:gosec // digits and names of days
}

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

func took(r store.Run, now time.Time) string {
	if r.StartedAt == nil {
		return ""
	}
	end := now
	if r.FinishedAt != nil {
		end = *r.FinishedAt
	}
	d := max(end.Sub(*r.StartedAt), 0)
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return answer.Span(d)
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

func joinParts(parts []store.Part) string {
	words := make([]string, 0, len(parts))
	for _, p := range parts {
		words = append(words, string(p))
	}
	if len(words) == 0 {
		return "no part"
	}
	return strings.Join(words, ", ")
}

// slot is how a state of a slot is drawn.
func slot(s answer.SlotState) struct{ Class, Icon string } {
	drawn := map[answer.SlotState]string{
		answer.SlotOnTime: "check", answer.SlotLate: "clock", answer.SlotPartial: "half", answer.SlotFailed: "cross",
		answer.SlotCancelled: "stop", answer.SlotMissed: "gap", answer.SlotRunning: "play", answer.SlotDue: "dots",
	}
	return struct{ Class, Icon string }{"slot-" + strings.ReplaceAll(string(s), " ", "-"), drawn[s]}
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
func othersOf(s answer.WhyStream, state string) int64 {
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
	case *it.State == store.StateShown:
		return "the last good version"
	case it.StateReason == nil:
		return fmt.Sprintf("nothing: it is %s", *it.State)
	}
	return fmt.Sprintf("nothing: it is %s (%s)", *it.State, it.StateReason.Meaning())
}

// notes are what operators should know of a tenant besides how fresh it is.
func notes(s answer.Status) []string {
	var list []string
	if s.AwaitingGrants != nil {
		list = append(list, "Nothing is shown to anybody: the database was restored from a backup, and waits for the portal to send all grants again.")
	}
	if s.EpochSince != nil && s.Now.Sub(*s.EpochSince) < 7*24*time.Hour {
		list = append(list, fmt.Sprintf("The source was restored or replaced %s: everything is read again (epoch %d).", answer.Ago(s.Now, s.EpochSince), s.Epoch))
	}
	return list
}

// icons are drawn on a square of 16.
var icons = map[string]template.HTML{
	"check": `<path d="M3 8.5l3.2 3.2L13 5"/>`,
	"clock": `<circle cx="8" cy="8" r="5.5"/><path d="M8 4.8V8l2.2 1.6"/>`,
	"half":  `<circle cx="8" cy="8" r="5.5"/><path class="fill" d="M8 2.5a5.5 5.5 0 0 1 0 11z"/>`,
	"cross": `<path d="M4 4l8 8M12 4l-8 8"/>`,
	"stop":  `<path d="M4.5 4.5h7v7h-7z"/>`,
	"gap":   `<path d="M3.5 8h9"/>`,
	"play":  `<path class="fill" d="M5.5 3.8l7 4.2-7 4.2z"/>`,
	"dots":  `<path d="M4 8h.01M8 8h.01M12 8h.01"/>`,
	"alert": `<path d="M8 2.2l6.3 11.3H1.7z"/><path d="M8 6.5v3.2M8 11.6h.01"/>`,
}

// icon draws a picture that says nothing which the words beside it do not.
func icon(name string) template.HTML {
	return `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">` + icons[name] + `</svg>`
}

// runList is a table of runs.
type runList struct {
	Caption string
	Runs    []store.Run
	Now     time.Time
	Zone    *time.Location
}

func newRunList(caption string, runs []store.Run, now time.Time, zone *time.Location) runList {
	return runList{caption, runs, now, zone}
}

// whyForm asks for a client.
type whyForm struct {
	Tenant       *answer.Tenant
	Client, User string
	Faults       map[string]string
}

func newWhyForm(t *answer.Tenant, client, user string, faults map[string]string) whyForm {
	return whyForm{t, client, user, faults}
}
