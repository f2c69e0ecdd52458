// Command example prints what a portal shows of the dossiers that a user may open: the newest cards,
// and the care plans in force. It reads page after page.
//
//	example ADDRESS TOKEN
package main

import (
	"context"
	"fmt"
	"os"

	"dossiersync/portalapi/client"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: example ADDRESS TOKEN")
		os.Exit(2)
	}
	if err := printDossiers(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

func printDossiers(ctx context.Context, address, token string) error {
	api, err := client.NewReader(address, token, nil)
	if err != nil {
		return err
	}
	dossiers, err := api.ListDossiersWithResponse(ctx, &client.ListDossiersParams{})
	if err != nil {
		return err
	}
	if err := client.Failure(dossiers); err != nil {
		return err
	}
	for _, d := range dossiers.JSON200.Items {
		name := d.Client
		if d.Name != nil {
			name = *d.Name
		}
		fmt.Printf("%s, as %s\n", name, d.RoleLabel)
		if err := printCards(ctx, api, d.Client); err != nil {
			return err
		}
		if err := printPlans(ctx, api, d.Client); err != nil {
			return err
		}
	}
	return nil
}

// printCards prints two pages of the time line, the newest first.
func printCards(ctx context.Context, api *client.ClientWithResponses, id client.ClientID) error {
	limit := client.Limit(3)
	params := &client.ListTimelineParams{Limit: &limit}
	for range 2 {
		page, err := api.ListTimelineWithResponse(ctx, id, params)
		if err != nil {
			return err
		}
		if err := client.Failure(page); err != nil {
			return err
		}
		list := page.JSON200
		if len(list.Items) == 0 && list.Freshness.ReasonSentence != nil {
			fmt.Println(" ", *list.Freshness.ReasonSentence)
		}
		for _, card := range list.Items {
			fmt.Printf("  %s  %s: %s\n", card.At.Format("2006-01-02 15:04"), card.Title, card.Excerpt)
		}
		if params.Cursor = list.Page.NextCursor; params.Cursor == nil {
			return nil
		}
	}
	return nil
}

func printPlans(ctx context.Context, api *client.ClientWithResponses, id client.ClientID) error {
	current := client.PlanStateCurrent
	plans, err := api.ListCarePlansWithResponse(ctx, id, &client.ListCarePlansParams{State: &current})
	if err != nil {
		return err
	}
	if err := client.Failure(plans); err != nil {
		return err
	}
	for _, card := range plans.JSON200.Items {
		plan, err := api.GetCarePlanWithResponse(ctx, id, card.Id)
		if err != nil {
			return err
		}
		if err := client.Failure(plan); err != nil {
			return err
		}
		fmt.Println("  plan:", plan.JSON200.Item.Title)
		for _, domain := range plan.JSON200.Item.Domains {
			for _, goal := range domain.Goals {
				fmt.Println("    goal:", goal.Description)
			}
		}
	}
	return nil
}
