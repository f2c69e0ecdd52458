package main

import (
	"time"

	"dossiersync/portalapi/client"
)

// printChoiceBody is the page on which a reader chooses what to print.
type printChoiceBody struct{ From, To string }

// printBody is what goes on paper.
type printBody struct {
	What    string
	Filter  filter
	At      time.Time
	Reports []reportDay
	Forms   []client.Form
	Plans   []planBody
	Cut     bool // there is more than fits
	Empty   *why
}

// mostPrinted is the largest number of reports, and of forms, on one print.
const mostPrinted = 300

func (p *portal) printChoice(v *view) error {
	now := time.Now().In(v.page.Head.Zone)
	return v.show("printchoice", "Afdrukken", nil,
		printChoiceBody{now.AddDate(0, -1, 0).Format(time.DateOnly), now.Format(time.DateOnly)})
}

// printSheet shows what goes on paper. It answers a form, so that each print is one deliberate act, and
// tells the API of it first, for the access log.
func (p *portal) printSheet(v *view) error {
	body := printBody{At: time.Now().In(v.page.Head.Zone),
		Filter: filter{From: dateOrNone(v.PostFormValue("van")), To: dateOrNone(v.PostFormValue("tot"))}}
	fresh, err := v.fillPrint(&body, v.PostFormValue("wat"), v.PostFormValue("id"))
	if err != nil {
		return err
	}
	if len(body.Reports)+len(body.Forms)+len(body.Plans) == 0 {
		body.Empty = some(emptiness(fresh))
	}
	event := client.PortalEvent{Event: client.PortalEventEventPrint}
	if kind, one := printedKinds[v.PostFormValue("wat")]; one {
		event.Object = &client.EventObject{Kind: kind, Id: v.PostFormValue("id")}
	}
	if _, err := answered(v.api.PostEventWithResponse(v.Context(), v.page.Dossier.Client, event)); err != nil {
		return err
	}
	return v.show("printsheet", "Afdruk", &fresh, body)
}

// printedKinds are the kinds of single items, by the form's word for them.
var printedKinds = map[string]client.EventObjectKind{
	"rapportage": client.EventObjectKindReport, "formulier": client.EventObjectKindForm, "plan": client.EventObjectKindCarePlan,
}

// fillPrint reads what the reader chose.
func (v *view) fillPrint(body *printBody, what, id string) (client.Freshness, error) {
	switch what {
	case "rapportage":
		one, err := answered(v.api.GetReportWithResponse(v.Context(), v.page.Dossier.Client, id, &client.GetReportParams{}))
		if err != nil {
			return client.Freshness{}, err
		}
		body.Reports = v.reportDays([]client.Report{one.JSON200.Item})
		return one.JSON200.Freshness, nil
	case "formulier":
		return v.printForm(body, id)
	case "plan":
		return v.printPlan(body, id)
	case kindForms:
		body.What = v.page.Label("forms")
		return v.printForms(body)
	case "plannen":
		body.What = v.page.Label("care-plans")
		return v.printPlans(body)
	case kindGeneral, kindCarePlan:
		body.Filter.Kind = what
		return v.printReports(body)
	}
	return client.Freshness{}, errOldForm
}

func (v *view) printReports(body *printBody) (client.Freshness, error) {
	_, category := body.Filter.kinds()
	body.What = v.page.Label("reports") + ": " + v.page.Label(string(*category))
	params := &client.ListReportsParams{Category: category, From: apiDate(body.Filter.From),
		To: apiDate(body.Filter.To), Limit: some(100)}
	var reports []client.Report
	for {
		page, err := answered(v.api.ListReportsWithResponse(v.Context(), v.page.Dossier.Client, params))
		if err != nil {
			return client.Freshness{}, err
		}
		reports = append(reports, page.JSON200.Items...)
		params.Cursor = page.JSON200.Page.NextCursor
		body.Cut = params.Cursor != nil && len(reports) >= mostPrinted
		if params.Cursor == nil || body.Cut {
			body.Reports = v.reportDays(reports)
			return page.JSON200.Freshness, nil
		}
	}
}

func (v *view) printForms(body *printBody) (client.Freshness, error) {
	list, err := answered(v.api.ListFormsWithResponse(v.Context(), v.page.Dossier.Client,
		&client.ListFormsParams{From: apiDate(body.Filter.From), To: apiDate(body.Filter.To), Limit: some(100)}))
	if err != nil {
		return client.Freshness{}, err
	}
	body.Cut = list.JSON200.Page.Next != nil
	for _, card := range list.JSON200.Items {
		if _, err := v.printForm(body, card.Id); err != nil {
			return client.Freshness{}, err
		}
	}
	return list.JSON200.Freshness, nil
}

func (v *view) printForm(body *printBody, id string) (client.Freshness, error) {
	one, err := answered(v.api.GetFormWithResponse(v.Context(), v.page.Dossier.Client, id))
	if err != nil {
		return client.Freshness{}, err
	}
	body.Forms = append(body.Forms, one.JSON200.Item)
	return one.JSON200.Freshness, nil
}

// printPlans reads the plans that are in force, whatever the period.
func (v *view) printPlans(body *printBody) (client.Freshness, error) {
	body.Filter = filter{}
	list, err := answered(v.api.ListCarePlansWithResponse(v.Context(), v.page.Dossier.Client,
		&client.ListCarePlansParams{State: some(client.PlanStateCurrent)}))
	if err != nil {
		return client.Freshness{}, err
	}
	body.Cut = list.JSON200.Page.Next != nil
	for _, card := range list.JSON200.Items {
		if _, err := v.printPlan(body, card.Id); err != nil {
			return client.Freshness{}, err
		}
	}
	return list.JSON200.Freshness, nil
}

func (v *view) printPlan(body *printBody, id string) (client.Freshness, error) {
	one, err := answered(v.api.GetCarePlanWithResponse(v.Context(), v.page.Dossier.Client, id))
	if err != nil {
		return client.Freshness{}, err
	}
	body.Plans = append(body.Plans, newPlanBody(one.JSON200.Item))
	return one.JSON200.Freshness, nil
}
