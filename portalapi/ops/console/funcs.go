package console

import (
	"html/template"
	"net/url"
	"strings"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// funcs are the functions of the templates.
var funcs = template.FuncMap{
	"asset":    func(name string) string { return assetNames[name] },
	"icon":     icon,
	"path":     url.PathEscape,
	"when":     when,
	"moment":   moment,
	"clock":    func(t time.Time, zone *time.Location) string { return t.In(zone).Format("15:04") },
	"ago":      operate.Ago,
	"since":    func(now, t time.Time) string { return operate.Ago(now, &t) },
	"span":     operate.Span,
	"until":    func(now, t time.Time) string { return operate.Span(max(t.Sub(now), 0)) },
	"number":   number,
	"cell":     cell,
	"count":    count,
	"scope":    operate.ScopeWords,
	"brief":    operate.ScopeBrief,
	"outcome":  func(r store.Run) string { return operate.OutcomeWord(&r) },
	"took":     took,
	"tone":     tone,
	"join":     joinParts,
	"streams":  dossier.Streams,
	"slots":    operate.SlotStates,
	"slot":     slot,
	"notes":    notes,
	"inWords":  stateWords,
	"upper":    upperFirst,
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

// whyForm is the form that asks for a client and a user.
type whyForm struct {
	Tenant       *operate.Tenant
	Client, User string
	Faults       map[string]string
}

func newWhyForm(t *operate.Tenant, client, user string, faults map[string]string) whyForm {
	return whyForm{t, client, user, faults}
}

// icons has the drawings, on a square of 16.
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

// icon draws an icon. It adds nothing to the words beside it, so screen readers skip it.
func icon(name string) template.HTML {
	return `<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">` + icons[name] + `</svg>`
}

// slot returns the CSS class and the icon of a slot's state.
func slot(s operate.SlotState) struct{ Class, Icon string } {
	drawn := map[operate.SlotState]string{
		operate.SlotOnTime: "check", operate.SlotLate: "clock", operate.SlotPartial: "half", operate.SlotFailed: "cross",
		operate.SlotCancelled: "stop", operate.SlotMissed: "gap", operate.SlotRunning: "play", operate.SlotDue: "dots",
	}
	return struct{ Class, Icon string }{"slot-" + strings.ReplaceAll(string(s), " ", "-"), drawn[s]}
}
