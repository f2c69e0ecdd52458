package acceptance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// cardView is the place of a card on the time line.
type cardView struct {
	ID, Kind, At string
	time         time.Time
}

// cards returns the cards of the dossier's time line, newest first.
func (d *shownDossier) cards() []cardView {
	var all []cardView
	add := func(id, kind string, at timeView) {
		t := at.exact
		if t.IsZero() {
			t, _ = time.Parse(time.RFC3339, at.At)
		}
		all = append(all, cardView{id, kind, at.At, t})
	}
	for key, v := range d.Reports {
		add(key, "report", v.timeView)
	}
	for key, v := range d.Forms {
		add(key, "form", v.timeView)
	}
	slices.SortFunc(all, func(a, b cardView) int {
		return cmp.Or(b.time.Compare(a.time), strings.Compare(b.ID, a.ID))
	})
	return all
}

// lists compares the time line, its pages around a date, the densities and the start panel.
func (c *comparison) lists(p portalReader, client string, want *shownDossier) error {
	path, line := "/v1/dossiers/"+client, want.cards()
	cards, err := listOf[reportAnswer](p, path+"/timeline?limit=100")
	if err != nil {
		return err
	}
	if !slices.EqualFunc(line, cards, func(w cardView, g reportAnswer) bool { return w.ID == g.ID && w.At == g.At }) {
		c.add("the time line", client, fmt.Sprintf("has %d cards, want %d; or another order", len(cards), len(line)))
	}
	if len(line) > 0 {
		for _, x := range []cardView{line[0], line[len(line)/2], line[len(line)-1]} {
			if err := c.aroundDate(p, client, line, x.At[:len(time.DateOnly)]); err != nil {
				return err
			}
		}
	}
	for _, by := range []string{"day", "week", "month"} {
		periods, err := listOf[densityAnswer](p, path+"/timeline/density?by="+by)
		if err != nil {
			return err
		}
		if diff := gocmp.Diff(density(line, by), periods, cmpopts.EquateEmpty()); diff != "" {
			c.add("the density by "+by, client, diff)
		}
	}
	var start struct {
		Item struct{ Parts []partAnswer }
	}
	if err := p.fetch(path, &start); err != nil {
		return err
	}
	for i := range start.Item.Parts {
		if one := &start.Item.Parts[i]; one.Part == "care-plans" {
			one.Newest = ""
		}
	}
	if diff := gocmp.Diff(want.startParts(), start.Item.Parts); diff != "" {
		c.add("the start panel", client, diff)
	}
	return nil
}

// aroundDate checks that the page around a date begins with the newest card not after it, and
// that newer cards are on the page before.
func (c *comparison) aroundDate(p portalReader, client string, line []cardView, date string) error {
	first := slices.IndexFunc(line, func(x cardView) bool { return x.At[:len(date)] <= date })
	var page struct {
		Items []reportAnswer
		Page  struct{ Previous *string }
	}
	if err := p.fetch("/v1/dossiers/"+client+"/timeline?limit=3&around="+date, &page); err != nil {
		return err
	}
	same := slices.EqualFunc(line[first:min(first+3, len(line))], page.Items,
		func(w cardView, g reportAnswer) bool { return w.ID == g.ID })
	if !same || (page.Page.Previous != nil) != (first > 0) {
		c.add("the time line around "+date, client,
			fmt.Sprintf("is %v; before it should be %d cards", page.Items, first))
	}
	if page.Page.Previous == nil || first == 0 {
		return nil
	}
	if err := p.fetch(*page.Page.Previous, &page); err != nil {
		return err
	}
	if n := len(page.Items); n == 0 || page.Items[n-1].ID != line[first-1].ID {
		c.add("the time line before "+date, client, "does not end with the next newer card")
	}
	return nil
}

type densityAnswer struct {
	From, To       string
	Reports, Forms int
}

// density counts cards per calendar period, newest first.
func density(line []cardView, by string) []densityAnswer {
	var all []densityAnswer
	for _, x := range line {
		date, _ := time.Parse(time.DateOnly, x.At[:len(time.DateOnly)])
		from, to := date, date
		switch by {
		case "week":
			from = date.AddDate(0, 0, -(int(date.Weekday())+6)%7)
			to = from.AddDate(0, 0, 6)
		case "month":
			from = date.AddDate(0, 0, 1-date.Day())
			to = from.AddDate(0, 1, -1)
		}
		start := from.Format(time.DateOnly)
		if n := len(all); n == 0 || all[n-1].From != start {
			all = append(all, densityAnswer{From: start, To: to.Format(time.DateOnly)})
		}
		last := &all[len(all)-1]
		if x.Kind == "report" {
			last.Reports++
		} else {
			last.Forms++
		}
	}
	return all
}

type partAnswer struct {
	Part   string
	Count  int
	Newest string
}

// startParts returns the start panel, without the date of the newest plan.
func (d *shownDossier) startParts() []partAnswer {
	newest := func(kind string) string {
		for _, x := range d.cards() {
			if x.Kind == kind {
				return x.At
			}
		}
		return ""
	}
	return []partAnswer{
		{"reports", len(d.Reports), newest("report")}, {"forms", len(d.Forms), newest("form")},
		{"care-plans", len(d.Plans), ""},
	}
}
