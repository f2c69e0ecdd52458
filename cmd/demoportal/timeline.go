package main

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"

	openapi "github.com/oapi-codegen/runtime/types"

	"dossiersync/portalapi/client"
)

// day is the cards of one day; of a month or a year, if the source says no more.
type day struct {
	Key   string // 2026-11-30, 2026-11 or 2026
	Title string
	Cards []client.Card
}

// days groups cards, which are in order, by their day.
func (v *view) days(cards []client.Card) []day {
	var list []day
	today := time.Now().In(v.page.Head.Zone)
	for _, c := range cards {
		key, title := c.At.Format(time.DateOnly), dayOf(c.At)
		switch {
		case c.Precision == client.PrecisionMonth:
			key, title = key[:7], "in "+monthOf(c.At)
		case c.Precision == client.PrecisionYear:
			key, title = key[:4], "in "+strconv.Itoa(c.At.Year())
		case key == today.Format(time.DateOnly):
			title = "vandaag, " + title
		case key == today.AddDate(0, 0, -1).Format(time.DateOnly):
			title = "gisteren, " + title
		}
		if len(list) == 0 || list[len(list)-1].Key != key {
			list = append(list, day{Key: key, Title: title})
		}
		last := &list[len(list)-1]
		last.Cards = append(last.Cards, c)
	}
	return list
}

// filter is what the reader wants to see of a list.
type filter struct {
	Kind     string // one of the kinds below
	From, To string // dates; may be empty
	Goal     string // the id of a goal, for Lezen; may be empty
}

// The kinds of cards that a reader may choose.
const (
	kindReports  = "rapportages"
	kindGeneral  = "algemeen"
	kindCarePlan = "zorgleefplan"
	kindForms    = "vragenlijsten"
)

// readFilter reads the filter of a URL. A date that is none is left out.
func readFilter(q url.Values) filter {
	f := filter{From: dateOrNone(q.Get("van")), To: dateOrNone(q.Get("tot")), Goal: q.Get("doel")}
	switch k := q.Get("soort"); k {
	case kindReports, kindGeneral, kindCarePlan, kindForms:
		f.Kind = k
	}
	return f
}

func dateOrNone(s string) string {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return ""
	}
	return s
}

// On returns the filter with another kind, as a query.
func (f filter) On(kind string) string {
	f.Kind, f.Goal = kind, ""
	return f.query()
}

// Whole reports whether the filter takes all dates.
func (f filter) Whole() bool { return f.From == "" && f.To == "" }

// query returns the filter with other parameters, as a query.
func (f filter) query(more ...string) string {
	q := url.Values{}
	for i, name := range []string{"soort", "van", "tot", "doel"} {
		if value := []string{f.Kind, f.From, f.To, f.Goal}[i]; value != "" {
			q.Set(name, value)
		}
	}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "?" + q.Encode()
}

// kinds returns the filter's kind as the API's parameters.
func (f filter) kinds() (*client.CardKind, *client.Category) {
	switch f.Kind {
	case kindForms:
		return some(client.CardKindForm), nil
	case kindGeneral:
		return some(client.CardKindReport), some(client.CategoryGeneral)
	case kindCarePlan:
		return some(client.CardKindReport), some(client.CategoryCarePlan)
	case kindReports:
		return some(client.CardKindReport), nil
	}
	return nil, nil
}

// apiDate returns a date for the API; nil for none.
func apiDate(s string) *client.Date {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return nil
	}
	return &openapi.Date{Time: t}
}

// timelineBody is a page of the time line.
type timelineBody struct {
	Filter       filter
	Bar          []barYear
	Around       string // the date that the reader jumped to; may be empty
	Days         []day
	Newer, Older string // the URLs of other pages; empty at the end
	Empty        *why
}

func (p *portal) timeline(v *view) error {
	q := v.URL.Query()
	body := timelineBody{Filter: readFilter(q), Around: dateOrNone(q.Get("rond"))}
	kind, category := body.Filter.kinds()
	params := &client.ListTimelineParams{Kind: kind, Category: category, From: apiDate(body.Filter.From),
		To: apiDate(body.Filter.To), Cursor: some(q.Get("cursor"))}
	if params.Cursor == nil {
		params.Around = apiDate(body.Around)
	}
	list, err := answered(v.api.ListTimelineWithResponse(v.Context(), v.page.Dossier.Client, params))
	if isStatus(err, http.StatusBadRequest) { // an old cursor, or one that was changed
		return v.redirect(v.page.At("/tijdlijn" + body.Filter.query()))
	}
	if err != nil {
		return err
	}
	page := list.JSON200.Page
	if c := text(page.NextCursor); c != "" {
		body.Older = v.page.At("/tijdlijn" + body.Filter.query("cursor", c))
	}
	if c := text(page.PreviousCursor); c != "" {
		body.Newer = v.page.At("/tijdlijn" + body.Filter.query("cursor", c))
	}
	if body.Days = v.days(list.JSON200.Items); len(body.Days) == 0 {
		body.Empty = some(emptiness(list.JSON200.Freshness))
	}
	v.page.Title, v.page.Fresh = "Tijdlijn", &list.JSON200.Freshness
	if q.Get("deel") != "" { // for a page that is open
		v.page.Body = body
		return v.write(http.StatusOK, "timeline", "cards")
	}
	if body.Bar, err = v.bar(body); err != nil {
		return err
	}
	return v.show("timeline", "Tijdlijn", &list.JSON200.Freshness, body)
}

// barYear is one year of the time bar, the newest month first.
type barYear struct {
	Year   int
	Months []barMonth
}

// barMonth is one month of the time bar. The heights are percents.
type barMonth struct {
	Key, Short, URL      string
	Title, Name          string // with the numbers; the name begins with what is in sight
	Reports, Forms       string // the heights of the two pieces of a column
	FormsTop, ReportsTop string
	Empty, Here          bool
}

// mostMonths is the largest number of months on the time bar.
const mostMonths = 480

// bar returns the time bar of the filter, from the newest month with cards to the oldest.
func (v *view) bar(body timelineBody) ([]barYear, error) {
	kind, category := body.Filter.kinds()
	density, err := answered(v.api.GetTimelineDensityWithResponse(v.Context(), v.page.Dossier.Client,
		&client.GetTimelineDensityParams{By: client.GetTimelineDensityParamsByMonth, Kind: kind, Category: category,
			From: apiDate(body.Filter.From), To: apiDate(body.Filter.To)}))
	if err != nil || len(density.JSON200.Items) == 0 {
		return nil, err
	}
	items := density.JSON200.Items
	byMonth, most := make(map[string]client.Density), 1
	for _, d := range items {
		byMonth[d.From.Format("2006-01")] = d
		most = max(most, d.Reports+d.Forms)
	}
	here := firstMonth(body)
	oldest := items[len(items)-1].From
	var years []barYear
	at := time.Date(items[0].From.Year(), items[0].From.Month(), 1, 0, 0, 0, 0, time.UTC)
	for n := 0; n < mostMonths && at.AddDate(0, 1, 0).After(oldest.Time); n++ {
		if len(years) == 0 || years[len(years)-1].Year != at.Year() {
			years = append(years, barYear{Year: at.Year()})
		}
		last := at.AddDate(0, 1, -1).Format(time.DateOnly)
		m := v.page.barMonth(at, byMonth[at.Format("2006-01")], most)
		m.URL = v.page.At("/tijdlijn" + body.Filter.query("rond", last))
		m.Here = m.Key == here
		year := &years[len(years)-1]
		year.Months = append(year.Months, m)
		at = at.AddDate(0, -1, 0)
	}
	return years, nil
}

// firstMonth returns the month of the first card on the page.
func firstMonth(body timelineBody) string {
	if len(body.Days) == 0 || len(body.Days[0].Key) < len("2006-01") {
		return ""
	}
	return body.Days[0].Key[:7]
}

func (p page) barMonth(at time.Time, d client.Density, most int) barMonth {
	height := func(n int) float64 {
		if n == 0 {
			return 0
		}
		return max(6, 100*float64(n)/float64(most))
	}
	reports, forms := height(d.Reports), height(d.Forms)
	if over := reports + forms - 100; over > 0 {
		reports -= over
	}
	percent := func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
	short := shortMonths[at.Month()-1]
	m := barMonth{Key: at.Format("2006-01"), Short: short, Title: monthOf(at), Name: short + " " + strconv.Itoa(at.Year()),
		Reports: percent(reports), ReportsTop: percent(100 - reports),
		Forms: percent(forms), FormsTop: percent(100 - reports - forms), Empty: d.Reports+d.Forms == 0}
	has := ""
	if d.Reports > 0 {
		has += ", " + p.Label("reports") + ": " + strconv.Itoa(d.Reports)
	}
	if d.Forms > 0 {
		has += ", " + p.Label("forms") + ": " + strconv.Itoa(d.Forms)
	}
	has = cmp.Or(has, ", geen kaarten")
	m.Title += has
	m.Name += has
	return m
}

// Period returns the filter's dates in words; empty for all dates.
func (f filter) Period() string { return period(some(f.From), some(f.To)) }
