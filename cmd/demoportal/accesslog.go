package main

import (
	"cmp"
	"net/http"
	"time"

	"dossiersync/portalapi/client"
)

// logBody is a page of who looked into the dossier.
type logBody struct {
	Filter filter
	Days   []logDay
	Older  string
	Empty  *why
}

// logDay is the visits of one day, and what else people did.
type logDay struct {
	Title  string
	Visits []logVisit
}

// logVisit is one visit of a person.
type logVisit struct {
	client.Access
	Name    string
	You     bool
	Refused bool
	Seen    []logObject
	More    int // how many objects are not in Seen
}

// logObject is something that was opened in a visit.
type logObject struct {
	Title, URL string
	At         *time.Time
}

// mostSeen is the largest number of objects that a visit names.
const mostSeen = 8

// When returns when the visit was.
func (v logVisit) When() string {
	when := "om " + clock(v.First) + " uur"
	if v.Last.Sub(v.First) >= time.Minute {
		when = "van " + clock(v.First) + " tot " + clock(v.Last) + " uur"
	}
	return when
}

func (p *portal) accessLog(v *view) error {
	if !v.page.Dossier.Manager {
		return errNotManager
	}
	body := logBody{Filter: readFilter(v.URL.Query())}
	list, err := answered(v.api.ListAccessLogWithResponse(v.Context(), v.page.Dossier.Client,
		&client.ListAccessLogParams{From: apiDate(body.Filter.From), To: apiDate(body.Filter.To),
			Cursor: some(v.URL.Query().Get("cursor"))}))
	if isStatus(err, http.StatusBadRequest) { // an old cursor, or one that was changed
		return v.redirect(v.page.At("/gekeken" + body.Filter.query()))
	}
	if err != nil {
		return err
	}
	if c := text(list.JSON200.Page.NextCursor); c != "" {
		body.Older = v.page.At("/gekeken" + body.Filter.query("cursor", c))
	}
	for _, a := range list.JSON200.Items {
		title := dayOf(a.Day.Time)
		if len(body.Days) == 0 || body.Days[len(body.Days)-1].Title != title {
			body.Days = append(body.Days, logDay{Title: title})
		}
		day := &body.Days[len(body.Days)-1]
		day.Visits = append(day.Visits, p.logVisit(v, a))
	}
	if len(body.Days) == 0 {
		body.Empty = some(emptiness(list.JSON200.Freshness))
	}
	return v.show("accesslog", "Wie heeft gekeken", &list.JSON200.Freshness, body)
}

func (p *portal) logVisit(v *view, a client.Access) logVisit {
	visit := logVisit{Access: a, Name: p.logName(v, a), Refused: a.Outcome != client.AccessOutcomeSuccess,
		You: cmp.Or(text(a.OnBehalfOf), a.User.Id) == v.page.Session.User}
	for _, o := range a.Objects {
		if o.Title == nil {
			continue // the reader may not see it any more
		}
		if len(visit.Seen) == mostSeen {
			break
		}
		seen := logObject{Title: *o.Title, At: o.At}
		switch kind := cmp.Or(text((*string)(o.Kind)), "user"); kind {
		case "report":
			seen.URL = v.page.At("/rapportage/" + text(o.Id))
		case "form":
			seen.URL = v.page.At("/formulier/" + text(o.Id))
		case "care-plan":
			seen.URL = v.page.At("/plannen/" + text(o.Id))
		}
		visit.Seen = append(visit.Seen, seen)
	}
	if a.Action == client.AccessActionRead {
		visit.More = max(0, a.Opened-len(visit.Seen))
	}
	return visit
}

// logName returns the name of the person who did something.
func (p *portal) logName(v *view, a client.Access) string {
	user := cmp.Or(text(a.OnBehalfOf), a.User.Id)
	known, found := p.people.find(v.page.Session.Tenant, user)
	switch {
	case found:
		return known.Name
	case a.OnBehalfOf != nil && a.OnBehalfOfName != nil:
		return *a.OnBehalfOfName
	case a.OnBehalfOf == nil && a.User.Name != nil:
		return *a.User.Name
	case text(a.User.Role) == string(client.RoleClient):
		return v.page.Client()
	case user == portalUser:
		return "Het portaal"
	}
	return user
}
