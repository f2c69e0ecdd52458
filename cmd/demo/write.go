package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// newReports are what is written in the dossiers of the demo.
var newReports = []string{
	"Heeft goed geslapen en rustig ontbeten.",
	"Was vanmiddag in de tuin, samen met de buren. Genoot van de zon.",
	"De fysiotherapeut is geweest. Het lopen gaat iets beter dan vorige week.",
	"Bezoek gehad van de familie. Na afloop moe, maar tevreden.",
	"Heeft de medicijnen zelf uit de weekdoos gehaald.",
	"Deed mee met het zingen in de huiskamer.",
	"Had vanochtend wat last van de knie. Het is met de arts besproken.",
	"Heeft geholpen met de boodschappen en koffie gezet voor iedereen.",
}

// newAuthors are who wrote them.
var newAuthors = []string{"Sara Bakker", "Youssef El Amrani", "Marijke Dekker"}

// writeEvery is the time between two new reports. Each of the chosen dossiers has one within 20
// seconds.
const writeEvery = 6 * time.Second

// keepWriting writes reports of the clients into the source, one after the other, until ctx
// ends. Failures are left to the sync to tell.
func keepWriting(ctx context.Context, base string, clients []string) {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			author := newAuthors[i/len(clients)%len(newAuthors)]
			_ = writeReport(ctx, base, clients[i%len(clients)], newReports[i%len(newReports)], author)
		}
	}
}

func writeReport(ctx context.Context, base, client, text, author string) error {
	now := time.Now()
	id := fmt.Sprintf("demo-%d", now.UnixMilli())
	report, err := json.Marshal(map[string]any{
		"resourceType": "Observation", "id": id, "status": "final",
		"code": map[string]any{"coding": []any{map[string]any{
			"system": "http://snomed.info/sct", "code": "11591000146107", "display": "Dagrapportage"}}},
		"subject":           map[string]any{"reference": "Patient/" + client},
		"effectiveDateTime": now.Format(time.RFC3339),
		"issued":            now.Format(time.RFC3339),
		"performer":         []any{map[string]any{"display": author}},
		"valueString":       text,
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, base+"/Observation/"+id, strings.NewReader(string(report)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
