package acceptance

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dossiersync/store/dossier"
)

// cardPage is a page of the time line.
type cardPage struct {
	Items []struct{ ID, At string }
	Page  struct {
		Next, Previous *string
		Changed        bool
	}
}

// busyDossier is a story about a dossier that changes all the time.
type busyDossier struct {
	*story
	versions int
}

func (w *busyDossier) putVersion(id string, at time.Time) {
	w.t.Helper()
	w.put(dayReportJSON("zwart-"+id, "zwart", at.Format(time.RFC3339),
		fmt.Sprintf("Verslag %s, versie %d.", id, w.versions)))
	w.versions++
}

// walkPages follows links from path to the last page, whose path it returns. It must meet
// each of the cards once, and all cards in order.
func walkPages(p portalReader, path string, backwards bool, cards []string) (last string, err error) {
	seen, before := make(map[string]int), ""
	for {
		var page cardPage
		if err := p.fetch(path, &page); err != nil {
			return "", err
		}
		items := page.Items
		link := page.Page.Next
		if backwards {
			link = page.Page.Previous
			slices.Reverse(items)
		}
		for _, it := range items {
			// All have the same offset, so that texts sort like moments.
			if before != "" && (it.At > before) != backwards && it.At != before {
				return "", fmt.Errorf("%s stands after %s", it.At, before)
			}
			seen[it.ID]++
			before = it.At
		}
		if link == nil {
			break
		}
		path = *link
	}
	for _, id := range cards {
		if seen[id] != 1 {
			return "", fmt.Errorf("%s is shown %d times, among %d cards", id, seen[id], len(seen))
		}
	}
	return path, nil
}

// walkUntilDone walks from path to the oldest page and back, at least once, until ctx
// ends.
func walkUntilDone(ctx context.Context, p portalReader, path string, cards []string) error {
	for walks := 0; ctx.Err() == nil || walks == 0; walks++ {
		end, err := walkPages(p, path, false, cards)
		if err != nil {
			return fmt.Errorf("towards the past: %w", err)
		}
		if _, err = walkPages(p, end, true, cards); err != nil {
			return fmt.Errorf("towards the present: %w", err)
		}
	}
	return nil
}

func hoursAgo(n int) time.Time { return defaultStart.Add(-time.Duration(n) * time.Hour) }

// changeReports corrects, moves, adds and withdraws reports. The reports "vast" keep
// their moment.
func (w *busyDossier) changeReports(round int) {
	w.t.Helper()
	for n := range 60 {
		switch (n + round) % 6 {
		case 0:
			w.putVersion(fmt.Sprint("vast", n), hoursAgo(n/3*2))
		case 1:
			w.putVersion(fmt.Sprint("los", n), hoursAgo((n*7+round*11)%60))
		case 2:
			w.putVersion(fmt.Sprint("nieuw", round, "-", n), hoursAgo(n-2))
		case 3:
			w.change("Observation", fmt.Sprint("los", n), func(o map[string]any) { o["status"] = "entered-in-error" })
		}
	}
}

// While runs apply changes, paging shows every card whose moment is unchanged once, in
// order, in both directions, and pages say that the dossier has changed.
func TestPagingIsStableWhileRunsApply(t *testing.T) {
	t.Parallel()
	w := &busyDossier{story: newEmptyStory(t, storyOptions{})}
	w.client = "zwart"
	w.put(patientZwart)
	var steady []string
	for n := range 60 {
		// Several reports have the same moment, so that pages end between them.
		w.putVersion(fmt.Sprint("vast", n), hoursAgo(n/3*2))
		w.putVersion(fmt.Sprint("los", n), hoursAgo(n))
		steady = append(steady, dossier.Key(w.tenant.id,
			dossier.Ref{Type: "Observation", ID: fmt.Sprint("zwart-vast", n)}))
	}
	w.sync()
	readers := portalReader{w.harness, w.readerToken}
	var first cardPage
	if err := readers.fetch("/v1/dossiers/zwart/timeline?limit=7", &first); err != nil {
		t.Fatal(err)
	}

	ctx, stop := context.WithCancel(t.Context())
	var g errgroup.Group
	for limit := range 4 {
		g.Go(func() error {
			return walkUntilDone(ctx, readers, fmt.Sprintf("/v1/dossiers/zwart/timeline?limit=%d", 3+4*limit), steady)
		})
	}
	for round := range 8 {
		w.changeReports(round)
		w.sync()
	}
	stop()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	var second cardPage
	if err := readers.fetch(*first.Page.Next, &second); err != nil {
		t.Fatal(err)
	}
	if first.Page.Changed || !second.Page.Changed {
		t.Errorf("the first page says changed %t, the second %t", first.Page.Changed, second.Page.Changed)
	}
}
