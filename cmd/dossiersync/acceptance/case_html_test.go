package acceptance

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

func TestCase57HTMLOfEveryKind(t *testing.T) {
	t.Parallel()
	s := tell(t, 57, setting{})
	s.next("documents come with everything that HTML has")
	doc := func(name, text string) report { return document(name, "Document "+name, text) }
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
		doc("commentaar", "Blijft\n\ncdata\n\n]]>"), // as browsers have it
		soep("verslag", "Subjectief\nVoor en na.\n\nfoto"),
		daily("letterlijk", `Dit is geen <b>html</b>, maar 3 < 4 & 5 > 4 <script>blijft staan</script>`))
	s.wantNowhere("boos", "BOOS", "javascript", "onclick", "display:none", "<p>", "<img", "<iframe", "weg</p>")
}

// Nothing is fetched from anywhere but the source; readers are told that there is
// something, and not where.
func TestCase58AttachmentOnAnotherHost(t *testing.T) {
	t.Parallel()
	s := tell(t, 58, setting{})
	var asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprint(w, "Dit staat elders.")
	}))
	t.Cleanup(elsewhere.Close)
	s.put(`{"resourceType": "DocumentReference", "id": "casus-58-echt", "status": "current", "subject": {"reference": "Patient/casus-58"},
		"date": "2024-11-20T12:00:00+01:00", "description": "Document echt",
		"content": [{"attachment": {"contentType": "text/plain", "title": "Verslag", "size": 17, "url": "` + elsewhere.URL + `/verslag.txt"}}]}`)
	s.next("documents are on other hosts")
	want := []report{document("echt", "Document echt", "", "Verslag text/plain 17")}
	want[0].Author = ""
	for _, name := range []string{"bestand", "gebruiker", "https", "intern", "metadata", "protocol"} {
		want = append(want, document(name, "Document "+name, "", "Verslag text/plain 17"))
	}
	s.wantReports(s.client, want...)
	s.wantNowhere("elders", "169.254", "etc/hostname", "localhost:9", elsewhere.URL)
	if n := asked.Load(); n > 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

// A text that is not what was said of it is not shown, and the dossier says that
// something is missing. When the file comes, so does the document.
func TestCase59FilesAreNotWhatWasSaidOfThem(t *testing.T) {
	t.Parallel()
	s := tell(t, 59, setting{})
	s.write("files are not what was said of them")
	s.syncPartly("DocumentReference/hash bad-body", "DocumentReference/size bad-body", "DocumentReference/inhoud bad-body",
		"DocumentReference/soort bad-body", "DocumentReference/dood bad-body", "DocumentReference/te-groot too-large")
	good := document("goed", "Klopt", "De inhoud van het bestand.")
	s.wantReports(s.client, good)
	s.wantIncomplete(s.client, "start", "reports", "timeline", "density")
	s.wantNowhere("Iets anders dan beloofd", "Veel tekst", "%PDF")
	s.write("a file goes away, another one comes")
	s.syncPartly("DocumentReference/hash bad-body", "DocumentReference/size bad-body", "DocumentReference/inhoud bad-body",
		"DocumentReference/soort bad-body", "DocumentReference/te-groot too-large")
	s.wantReports(s.client, good, document("dood", "Bestand is er niet", "De inhoud van het bestand."))
}

func TestCase60InlineBase64(t *testing.T) {
	t.Parallel()
	s := tell(t, 60, setting{})
	s.write("files are within their documents")
	s.syncPartly("DocumentReference/stuk bad-body")
	text := "Ingesloten tekst, met é en €."
	s.wantReports(s.client,
		document("tekst", "Tekst", text),
		document("html", "HTML", "Kop\n\n"+text),
		document("pdf", "PDF", "", "Verslag application/pdf 15"),
		document("latin", "Latin-1", "Geïntegreerd in Latin-1."),
		document("twee", "Tekst en PDF", text, "ondertekend.pdf application/pdf 15"))
	s.wantRow("DocumentReference", "leeg", "hidden empty")
	s.wantIncomplete(s.client, "start", "reports", "timeline", "density")
	s.wantNowhere("%PDF", base64.StdEncoding.EncodeToString([]byte("%PDF")), "geen base64")
	s.change("DocumentReference", "stuk", func(d map[string]any) {
		content, _ := d["content"].([]any)
		content[0].(map[string]any)["attachment"] = map[string]any{"contentType": "text/plain", "data": "SGVyc3RlbGQu"}
	})
	s.sync()
	if got := len(s.look(s.client).Reports); got != 6 {
		t.Errorf("%d reports, want 6", got)
	}
	s.wantIncomplete(s.client)
}
