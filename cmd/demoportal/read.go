package main

import (
	"net/http"

	"dossiersync/portalapi/client"
)

// readBody is a page of Lezen: reports in full, or cards of forms.
type readBody struct {
	Filter       filter
	Reports      []reportDay
	Forms        []day
	Newer, Older string // the URLs of other pages; empty at the end
	Empty        *why
}

// reportDay is the reports of one day.
type reportDay struct {
	Key, Title string
	Reports    []client.Report
}

func (p *portal) read(v *view) error {
	body := readBody{Filter: readFilter(v.URL.Query())}
	if body.Filter.Kind == "" || body.Filter.Kind == kindReports {
		body.Filter.Kind = kindGeneral
	}
	cursor := some(v.URL.Query().Get("cursor"))
	var page client.Page
	var fresh client.Freshness
	var err error
	if body.Filter.Kind == kindForms {
		page, fresh, err = v.readForms(&body, cursor)
	} else {
		page, fresh, err = v.readReports(&body, cursor)
	}
	if isStatus(err, http.StatusBadRequest) { // an old cursor, or one that was changed
		return v.redirect(v.page.At("/lezen"))
	}
	if err != nil {
		return err
	}
	if c := text(page.NextCursor); c != "" {
		body.Older = v.page.At("/lezen" + body.Filter.query("cursor", c))
	}
	if c := text(page.PreviousCursor); c != "" {
		body.Newer = v.page.At("/lezen" + body.Filter.query("cursor", c))
	}
	if len(body.Reports) == 0 && len(body.Forms) == 0 {
		body.Empty = some(emptiness(fresh))
	}
	return v.show("read", "Lezen", &fresh, body)
}

func (v *view) readForms(body *readBody, cursor *string) (client.Page, client.Freshness, error) {
	list, err := answered(v.api.ListFormsWithResponse(v.Context(), v.page.Dossier.Client,
		&client.ListFormsParams{From: apiDate(body.Filter.From), To: apiDate(body.Filter.To), Cursor: cursor}))
	if err != nil {
		return client.Page{}, client.Freshness{}, err
	}
	body.Forms = v.days(list.JSON200.Items)
	return list.JSON200.Page, list.JSON200.Freshness, nil
}

func (v *view) readReports(body *readBody, cursor *string) (client.Page, client.Freshness, error) {
	_, category := body.Filter.kinds()
	if body.Filter.Goal != "" {
		category = nil // a goal has reports of all categories
	}
	list, err := answered(v.api.ListReportsWithResponse(v.Context(), v.page.Dossier.Client,
		&client.ListReportsParams{Category: category, Goal: some(body.Filter.Goal), From: apiDate(body.Filter.From),
			To: apiDate(body.Filter.To), Cursor: cursor}))
	if err != nil {
		return client.Page{}, client.Freshness{}, err
	}
	body.Reports = v.reportDays(list.JSON200.Items)
	return list.JSON200.Page, list.JSON200.Freshness, nil
}

// reportDays groups reports, which are in order, by their day.
func (v *view) reportDays(reports []client.Report) []reportDay {
	cards := make([]client.Card, len(reports))
	for i, r := range reports {
		cards[i] = client.Card{Id: r.Id, At: r.At, Precision: r.Precision}
	}
	var list []reportDay
	for _, d := range v.days(cards) {
		list = append(list, reportDay{d.Key, d.Title, reports[:len(d.Cards)]})
		reports = reports[len(d.Cards):]
	}
	return list
}

// reportBody is a report with what was written before and after it.
type reportBody struct {
	client.Report
	Previous, Next *client.Neighbour
}

func (p *portal) report(v *view) error {
	one, err := answered(v.api.GetReportWithResponse(v.Context(), v.page.Dossier.Client, v.PathValue("id"),
		&client.GetReportParams{}))
	if err != nil {
		return err
	}
	v.page.Here = "tijdlijn"
	return v.show("report", one.JSON200.Item.Title, &one.JSON200.Freshness,
		reportBody{one.JSON200.Item, one.JSON200.Previous, one.JSON200.Next})
}

// formBody is a form with what was filled in before and after it.
type formBody struct {
	client.Form
	Previous, Next *client.Neighbour
}

func (p *portal) form(v *view) error {
	one, err := answered(v.api.GetFormWithResponse(v.Context(), v.page.Dossier.Client, v.PathValue("id")))
	if err != nil {
		return err
	}
	v.page.Here = "tijdlijn"
	return v.show("form", one.JSON200.Item.Title, &one.JSON200.Freshness,
		formBody{one.JSON200.Item, one.JSON200.Previous, one.JSON200.Next})
}
