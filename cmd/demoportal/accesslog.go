package main

import (
	"cmp"
	"net/http"
	"slices"
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

// logDay is what people did on one day.
type logDay struct {
	Title  string
	People []logPerson
}

// logPerson is what one person did on one day.
type logPerson struct {
	Name, Role string
	You        bool
	Acts       []logAct
}

// logAct is one thing that a person did on one day, maybe more than once.
type logAct struct {
	Text        string
	Refused     bool
	First, Last time.Time
	Count       int
	Opened      []string // as far as this reader may see it
}

// When returns when it was.
func (a logAct) When() string {
	when := "om " + clock(a.Last) + " uur"
	if a.Last.Sub(a.First) >= time.Minute {
		when = "tussen " + clock(a.First) + " en " + clock(a.Last) + " uur"
	}
	if a.Count > 1 {
		when += ", " + count(a.Count, "keer", "keer")
	}
	return when
}

const actsOnPage = 100

func (p *portal) accessLog(v *view) error {
	if !v.page.Dossier.Manager {
		return errNotManager
	}
	body := logBody{Filter: readFilter(v.URL.Query())}
	list, err := answered(v.api.ListAccessLogWithResponse(v.Context(), v.page.Dossier.Client,
		&client.ListAccessLogParams{From: apiDate(body.Filter.From), To: apiDate(body.Filter.To),
			Fold:  some(client.ListAccessLogParamsFoldFalse), // the page folds by day and person
			Limit: some(actsOnPage), Cursor: some(v.URL.Query().Get("cursor"))}))
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
		body.add(a, p.logName(v, a), cmp.Or(text(a.OnBehalfOf), a.User.Id) == v.page.Session.User)
	}
	if len(body.Days) == 0 {
		body.Empty = some(emptiness(list.JSON200.Freshness))
	}
	return v.show("accesslog", "Wie heeft gekeken", &list.JSON200.Freshness, body)
}

// logName returns the name of the person who did something.
func (p *portal) logName(v *view, a client.Access) string {
	user := cmp.Or(text(a.OnBehalfOf), a.User.Id)
	known, found := p.people.find(v.page.Session.Tenant, user)
	switch {
	case found:
		return known.Name
	case a.OnBehalfOfName != nil:
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

// add adds an entry to its day and person.
func (b *logBody) add(a client.Access, name string, you bool) {
	title := dayOf(a.Day.Time)
	if len(b.Days) == 0 || b.Days[len(b.Days)-1].Title != title {
		b.Days = append(b.Days, logDay{Title: title})
	}
	d := &b.Days[len(b.Days)-1]
	i := slices.IndexFunc(d.People, func(p logPerson) bool { return p.Name == name })
	if i < 0 {
		i = len(d.People)
		d.People = append(d.People, logPerson{Name: name, You: you})
	}
	p := &d.People[i]
	p.Role = cmp.Or(p.Role, word("role", text(a.User.Role)))
	act := newLogAct(a)
	if i := slices.IndexFunc(p.Acts, func(b logAct) bool { return b.Text == act.Text }); i >= 0 {
		same := &p.Acts[i]
		same.Count += act.Count
		same.opened(act.Opened...)
		same.First = slices.MinFunc([]time.Time{same.First, act.First}, time.Time.Compare)
		same.Last = slices.MaxFunc([]time.Time{same.Last, act.Last}, time.Time.Compare)
		return
	}
	p.Acts = append(p.Acts, act)
}

func newLogAct(a client.Access) logAct {
	does := string(a.Action) + " " + a.Event
	said := word("done", does)
	if said == does {
		said = word("act", a.Action) + word("event", a.Event)
	}
	if a.Action == client.AccessActionRead && a.Outcome != client.AccessOutcomeSuccess {
		said = "wilde " + word("event", a.Event) + " bekijken"
	}
	act := logAct{Text: upper(said), First: a.First, Last: a.Last, Count: a.Count}
	if a.Outcome != client.AccessOutcomeSuccess {
		act.Text += word("outcome", a.Outcome)
		act.Refused = true
	}
	for _, o := range a.Objects {
		switch {
		case o.Title != nil && o.At != nil:
			act.opened(*o.Title + " van " + date(*o.At))
		case o.Title != nil:
			act.opened(*o.Title)
		}
	}
	return act
}

// opened adds something that was opened.
func (a *logAct) opened(what ...string) {
	for _, w := range what {
		if !slices.Contains(a.Opened, w) {
			a.Opened = append(a.Opened, w)
		}
	}
}
