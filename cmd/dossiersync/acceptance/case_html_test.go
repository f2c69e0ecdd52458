package acceptance

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// Given documents with scripts, handlers, styles, frames, images, links, deep nesting, broken
// markup, tables and comments, and a report whose plain text looks like HTML.
func TestCase57HTMLOfEveryKind(t *testing.T) {
	t.Parallel()
	s := newStory(t, 57, storyOptions{})
	s.step("documents have HTML of every kind")
	doc := func(name, text string) report { return documentReport(name, "Document "+name, text) }
	s.wantReports(s.client,
		doc("script", "Voor en na."),
		doc("handlers", "Tekst"),
		doc("stijl", "Tekst met vet"),
		doc("iframe", "Tekst"),
		doc("beeld", "Foto: een foto"),
		doc("links", "Klik Klik Klik Goed"),
		doc("diep", "Diep"),
		doc("stuk", "Niet gesloten en\n\ndoor elkaar \u00a0 <b> &onbekend; <"),
		doc("tabel", "Dag | maandag\nUur | 10\n\nNa de tabel\n1. Een\n2. Twee"),
		doc("meta", "Tekst"),
		doc("commentaar", "Blijft\n\ncdata\n\n]]>"), // as in browsers
		soepReport("verslag", "Subjectief\nVoor en na.\n\nfoto"),
		dayReport("letterlijk", `Dit is geen <b>html</b>, maar 3 < 4 & 5 > 4 <script>blijft staan</script>`))
	s.wantNowhere("boos", "BOOS", "javascript", "onclick", "display:none", "<p>", "<img", "<iframe", "weg</p>")
}

// Given documents whose files are on other hosts: nothing is fetched from there, and readers
// get title, type and size without the address.
func TestCase58AttachmentOnAnotherHost(t *testing.T) {
	t.Parallel()
	s := newStory(t, 58, storyOptions{})
	var requests atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		fmt.Fprint(w, "Dit staat elders.")
	}))
	t.Cleanup(elsewhere.Close)
	s.put(`{"resourceType": "DocumentReference", "id": "casus-58-echt", "status": "current", "subject": {"reference": "Patient/casus-58"},
		"date": "2024-11-20T12:00:00+01:00", "description": "Document echt",
		"content": [{"attachment": {"contentType": "text/plain", "title": "Verslag", "size": 17, "url": "` + elsewhere.URL + `/verslag.txt"}}]}`)
	s.step("documents are on other hosts")
	want := []report{documentReport("echt", "Document echt", "", "Verslag text/plain 17")}
	want[0].Author = ""
	for _, name := range []string{"bestand", "gebruiker", "https", "intern", "metadata", "protocol"} {
		want = append(want, documentReport(name, "Document "+name, "", "Verslag text/plain 17"))
	}
	s.wantReports(s.client, want...)
	s.wantNowhere("elders", "169.254", "etc/hostname", "localhost:9", elsewhere.URL)
	if n := requests.Load(); n > 0 {
		t.Errorf("the other host got %d requests", n)
	}
}

// Given documents whose file has another hash, size, content or type, is missing, or is too
// large: they are quarantined and the dossier is incomplete, until the file is there.
func TestCase59FilesDoNotMatchMetadata(t *testing.T) {
	t.Parallel()
	s := newStory(t, 59, storyOptions{})
	s.writeStep("files do not match their size, hash or type")
	s.syncPartial("DocumentReference/hash bad-body", "DocumentReference/size bad-body",
		"DocumentReference/inhoud bad-body",
		"DocumentReference/soort bad-body", "DocumentReference/dood bad-body", "DocumentReference/te-groot too-large")
	good := documentReport("goed", "Klopt", "De inhoud van het bestand.")
	s.wantReports(s.client, good)
	s.wantIncomplete(s.client, "start", "reports", "timeline", "density")
	s.wantNowhere("Iets anders dan beloofd", "Veel tekst", "%PDF")
	s.writeStep("one file is deleted, the missing one comes")
	s.syncPartial("DocumentReference/hash bad-body", "DocumentReference/size bad-body",
		"DocumentReference/inhoud bad-body",
		"DocumentReference/soort bad-body", "DocumentReference/te-groot too-large")
	s.wantReports(s.client, good, documentReport("dood", "Bestand is er niet", "De inhoud van het bestand."))
}

// Given documents with their files inline: text, HTML, PDF, Latin-1, broken base64, empty, and
// two files in one.
func TestCase60InlineFiles(t *testing.T) {
	t.Parallel()
	s := newStory(t, 60, storyOptions{})
	s.writeStep("documents have their files inline")
	s.syncPartial("DocumentReference/stuk bad-body")
	text := "Ingesloten tekst, met é en €."
	s.wantReports(s.client,
		documentReport("tekst", "Tekst", text),
		documentReport("html", "HTML", "Kop\n\n"+text),
		documentReport("pdf", "PDF", "", "Verslag application/pdf 15"),
		documentReport("latin", "Latin-1", "Geïntegreerd in Latin-1."),
		documentReport("twee", "Tekst en PDF", text, "ondertekend.pdf application/pdf 15"))
	s.wantRow("DocumentReference", "leeg", "hidden empty")
	s.wantIncomplete(s.client, "start", "reports", "timeline", "density")
	s.wantNowhere("%PDF", base64.StdEncoding.EncodeToString([]byte("%PDF")), "geen base64")
	s.change("DocumentReference", "stuk", func(d map[string]any) {
		content, _ := d["content"].([]any)
		content[0].(map[string]any)["attachment"] = map[string]any{"contentType": "text/plain", "data": "SGVyc3RlbGQu"}
	})
	s.sync()
	if got := len(s.readDossier(s.client).Reports); got != 6 {
		t.Errorf("%d reports, want 6", got)
	}
	s.wantIncomplete(s.client)
}
