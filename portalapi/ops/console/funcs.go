package console

import (
	"html/template"
	"net/url"
	"time"

	"dossiersync/portalapi/ops/operate"
	"dossiersync/store"
	"dossiersync/store/dossier"
)

// funcs are what templates can say.
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

// whyForm asks for a client.
type whyForm struct {
	Tenant       *operate.Tenant
	Client, User string
	Faults       map[string]string
}

func newWhyForm(t *operate.Tenant, client, user string, faults map[string]string) whyForm {
	return whyForm{t, client, user, faults}
}
