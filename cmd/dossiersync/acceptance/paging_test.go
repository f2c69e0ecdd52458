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

// busyDossier is a dossier that somebody writes in all the time.
type busyDossier struct {
	*story
	versions int
}

func (w *busyDossier) putVersion(id string, at time.Time) {
	w.t.Helper()
	w.put(fmt.Sprintf(`{"resourceType": "Observation", "id": "zwart-%s", "status": "final", "subject": {"reference": "Patient/zwart"},
		"code": {"coding": [{"system": "http://snomed.info/sct", "code": "11591000146107"}]},
		"effectiveDateTime": %q, "valueString": "Verslag %s, voor de %de keer."}`, id, at.Format(time.RFC3339), id, w.versions))
	w.versions++
}

// walkPages follows links from path to the last page, whose path it returns. It must
// come by each of the cards once, and by all cards in their order.
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
			// All are of one offset: as texts they sort as moments.
			if before != "" && (it.At > before) != backwards && it.At != before {
				return "", fmt.Errorf("%s comes after %s", it.At, before)
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
			return "", fmt.Errorf("%s comes %d times, among %d cards", id, seen[id], len(seen))
		}
	}
	return path, nil
}

// Whatever is synchronised meanwhile: paging shows every card once whose moment
// did not change, in order, towards either end, and says that the dossier has
// moved on.
func TestPagingIsStableWhileRunsApply(t *testing.T) {
	t.Parallel()
	w := &busyDossier{story: newEmptyStory(t, storyOptions{})}
	w.client = "zwart"
	w.put(patientZwart)
	var steady []string
	hour := func(n int) time.Time { return defaultStart.Add(-time.Duration(n) * time.Hour) }
	for n := range 60 {
		// Several of one moment, so that pages end within one.
		w.putVersion(fmt.Sprint("vast", n), hour(n/3*2))
		w.putVersion(fmt.Sprint("los", n), hour(n))
		steady = append(steady, dossier.Key(w.tenant.id, dossier.Ref{Type: "Observation", ID: fmt.Sprint("zwart-vast", n)}))
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
			for walks := 0; ctx.Err() == nil || walks == 0; walks++ {
				end, err := walkPages(readers, fmt.Sprintf("/v1/dossiers/zwart/timeline?limit=%d", 3+4*limit), false, steady)
				if err != nil {
					return fmt.Errorf("towards the past: %w", err)
				}
				if _, err = walkPages(readers, end, true, steady); err != nil {
					return fmt.Errorf("towards the present: %w", err)
				}
			}
			return nil
		})
	}
	for round := range 8 {
		for n := range 60 {
			switch (n + round) % 6 {
			case 0: // another text
				w.putVersion(fmt.Sprint("vast", n), hour(n/3*2))
			case 1: // another moment
				w.putVersion(fmt.Sprint("los", n), hour((n*7+round*11)%60))
			case 2: // new
				w.putVersion(fmt.Sprint("nieuw", round, "-", n), hour(n-2))
			case 3: // gone
				w.change("Observation", fmt.Sprint("los", n), func(o map[string]any) { o["status"] = "entered-in-error" })
			}
		}
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
