package main

import (
	"strings"
	"time"

	"dossiersync/portalapi/client"
)

// startBody is the first page of a dossier.
type startBody struct {
	Greeting string
	Parts    map[string]int // how many items each part has
	Days     []day
	NoCards  *why
	Plans    []client.PlanCard
	NoPlans  *why
}

const cardsOnStart = 4

func (p *portal) start(v *view) error {
	id := v.page.Dossier.Client
	start, err := answered(v.api.GetDossierWithResponse(v.Context(), id))
	if err != nil {
		return err
	}
	v.page.Head = v.keepHead(start.JSON200.Item)
	body := startBody{Greeting: greeting(time.Now().In(v.page.Head.Zone)), Parts: make(map[string]int)}
	if first, _, _ := strings.Cut(v.page.Session.Name, " "); first != "" {
		body.Greeting += ", " + first
	}
	for _, part := range start.JSON200.Item.Parts {
		body.Parts[string(part.Part)] = part.Count
	}
	cards, err := answered(v.api.ListTimelineWithResponse(v.Context(), id,
		&client.ListTimelineParams{Limit: some(cardsOnStart)}))
	if err != nil {
		return err
	}
	if body.Days = v.days(cards.JSON200.Items); len(body.Days) == 0 {
		body.NoCards = some(emptiness(cards.JSON200.Freshness))
	}
	plans, err := answered(v.api.ListCarePlansWithResponse(v.Context(), id,
		&client.ListCarePlansParams{State: some(client.PlanStateCurrent), Limit: some(3)}))
	if err != nil {
		return err
	}
	if body.Plans = plans.JSON200.Items; len(body.Plans) == 0 {
		body.NoPlans = some(emptiness(plans.JSON200.Freshness))
	}
	return v.show("start", "Mijn dossier", &start.JSON200.Freshness, body)
}

func greeting(now time.Time) string {
	switch h := now.Hour(); {
	case h < 6:
		return "Goedenacht"
	case h < 12:
		return "Goedemorgen"
	case h < 18:
		return "Goedemiddag"
	}
	return "Goedenavond"
}
