package fhir

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store/dossier"
)

// content returns a document's content of one attachment.
func content(attachment string) []string {
	return []string{"content", `[{"attachment":` + attachment + `}]`}
}

// inline returns an attachment that holds data.
func inline(contentType, data string, more ...string) string {
	return fmt.Sprintf(`{"contentType":%q,"data":%q%s}`, contentType, base64.StdEncoding.EncodeToString([]byte(data)), strings.Join(more, ""))
}

func TestDocument(t *testing.T) {
	t.Parallel()
	got := contentOf[*dossier.Report](t, Mapping{}, with(t, document,
		"author", `[{"reference":"Practitioner/s1"}]`,
		"docStatus", `"amended"`,
		"context", `{"related":[{"reference":"CarePlan/p1"},{"reference":"Goal/g1"}]}`,
		"relatesTo", `[{"code":"replaces","target":{"reference":"DocumentReference/d0"}},{"code":"appends","target":{"reference":"DocumentReference/d9"}}]`))
	want := &dossier.Report{
		At: at(t, "2025-03-04T08:40:00+01:00"), CorrectedAt: at(t, "2025-03-04T09:15:22Z"),
		Title: "Verslag", Category: dossier.CategoryCarePlan, Text: "Goedemorgen",
		Authors:  []dossier.Party{{Ref: dossier.Ref{Type: "Practitioner", ID: "s1"}}},
		Plan:     dossier.Ref{Type: "CarePlan", ID: "p1"},
		Goal:     dossier.Ref{Type: "Goal", ID: "g1"},
		Replaces: []dossier.Ref{{Type: "DocumentReference", ID: "d0"}}, // case 11
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Where the tenant's rule is that what was replaced stays shown, nothing may take
// its place.
func TestWhatIsReplacedStaysWhereTheRuleSaysSo(t *testing.T) {
	t.Parallel()
	const replaces = `[{"code":"replaces","target":{"reference":"DocumentReference/d0"},"targetReference":{"reference":"Composition/v0"}}]`
	rules := Mapping{ShowSuperseded: true}
	for _, raw := range []string{document, composition} {
		raw = with(t, raw, "relatesTo", replaces)
		if got := contentOf[*dossier.Report](t, Mapping{}, raw).Replaces; len(got) != 1 {
			t.Errorf("without the rule it replaces %v", got)
		}
		if got := contentOf[*dossier.Report](t, rules, raw).Replaces; len(got) != 0 {
			t.Errorf("with the rule it replaces %v", got)
		}
	}
	// A change of the rule takes effect on what is stored.
	for _, name := range []string{"DocumentReference", "Composition"} {
		k, _ := kindNamed(name)
		if testMapper(Mapping{}).fingerprint(k) == testMapper(rules).fingerprint(k) {
			t.Errorf("%s: the same fingerprint with and without the rule", name)
		}
	}
}

func TestDocumentText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, content, want string }{
		{"case 60 inline base64", inline("text/plain; charset=utf-8", "café\r\nwijn"), "café\nwijn"},
		{"case 60 base64 in lines, unpadded", `{"contentType":"text/plain","data":"Y2Fm\r\n 6Q"}`, "café"},
		{"UTF-8 that does not say so", inline("text/plain", "café"), "café"},
		{"Windows-1252 that does not say so", inline("text/plain", "caf\xe9 \x80 5"), "café € 5"},
		{"Latin-1 by name", inline("text/plain; charset=ISO-8859-1", "caf\xe9"), "café"},
		{"Latin-9 by name", inline("text/plain; charset=iso-8859-15", "\xa4 5"), "€ 5"},
		{"case 57 HTML", inline("text/html", "<script>x</script><p onclick='y'>Dag <b>Jo</b></p><img src='https://evil.example'>"), "Dag Jo"},
		{"XHTML", inline("application/xhtml+xml", "<html><head><title>t</title></head><body><p>a</p><p>b</p></body></html>"), "a\n\nb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := contentOf[*dossier.Report](t, Mapping{}, with(t, document, content(test.content)...))
			if got.Text != test.want || got.Attachments != nil {
				t.Errorf("got %q and %v, want %q", got.Text, got.Attachments, test.want)
			}
		})
	}
}

func TestDocumentFormats(t *testing.T) {
	t.Parallel()
	html, plain := inline("text/html", "<p>html</p>"), inline("text/plain", "plat")
	list := func(all ...string) string {
		return `[{"attachment":` + strings.Join(all, `},{"attachment":`) + `}]`
	}
	for _, test := range []struct{ name, content, want string }{
		{"plain after HTML", list(html, plain), "plat"},
		{"plain before HTML", list(plain, html), "plat"},
		{"twice the same", list(plain, plain), "plat"},
		{"two texts", list(plain, inline("text/plain", "meer")), "plat\n\nmeer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := contentOf[*dossier.Report](t, Mapping{}, with(t, document, "content", test.content)).Text; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDocumentAttachments(t *testing.T) {
	t.Parallel()
	size := func(n int64) *int64 { return &n }
	for _, test := range []struct {
		name, content string
		want          dossier.Attachment
	}{
		{"case 58 on another host", `{"contentType":"text/plain","url":"https://evil.example/x","title":"Brief","size":3654}`,
			dossier.Attachment{Title: "Brief", ContentType: "text/plain", Size: size(3654)}},
		{"case 59 a Binary", `{"contentType":"application/pdf","url":"Binary/7"}`, dossier.Attachment{ContentType: "application/pdf"}},
		{"inline PDF", inline("application/pdf", "%PDF-1.7 x"), dossier.Attachment{ContentType: "application/pdf", Size: size(10)}},
		{"broken RTF", inline("text/rtf", `{\rtf1 tekst`), dossier.Attachment{ContentType: "text/rtf", Size: size(12)}},
		{"RTF without words", inline("text/plain", `{\rtf1 \par}`), dossier.Attachment{ContentType: "text/plain", Size: size(12)}},
		{"octets that are no text", inline("application/octet-stream", "\x00\x01"), dossier.Attachment{ContentType: "application/octet-stream", Size: size(2)}},
		{"octets that are for machines", inline("application/octet-stream", `{"a": 1}`), dossier.Attachment{ContentType: "application/octet-stream", Size: size(8)}},
		{"HTML of a picture", inline("text/html", `<IMG src="data:x">`), dossier.Attachment{ContentType: "text/html", Size: size(18)}},
		{"other XML", inline("application/xml", "<rekening>5</rekening>"), dossier.Attachment{ContentType: "application/xml", Size: size(22)}},
		{"content kept elsewhere", `{"contentType":"text/plain","_data":{"extension":[{"url":"x","valueString":"y"}]},"size":89471}`,
			dossier.Attachment{ContentType: "text/plain", Size: size(89471)}},
		{"no content type", `{"data":"eA==","title":"x"}`, dossier.Attachment{Title: "x", Size: size(1)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := contentOf[*dossier.Report](t, Mapping{}, with(t, document, content(test.content)...))
			if diff := cmp.Diff([]dossier.Attachment{test.want}, got.Attachments); diff != "" || got.Text != "" {
				t.Error(diff, got.Text)
			}
		})
	}
}

func TestDocumentContentFaults(t *testing.T) { // case 59
	t.Parallel()
	for _, test := range []struct {
		name, content string
		reason        dossier.Reason
		detail        string
	}{
		{"size mismatch", inline("text/plain", "tekst", `,"size":4`), dossier.BadBody, "content[0].attachment.size: not the size of the data"},
		{"hash mismatch", inline("text/plain", "tekst", `,"hash":"AAAAAAAAAAAAAAAAAAAAAAAAAAA="`), dossier.BadBody, "content[0].attachment.hash: not the hash of the data"},
		{"not base64", `{"contentType":"text/plain","data":"@@@"}`, dossier.BadBody, "content[0].attachment.data: not base64"},
		{"a PDF that claims to be text", inline("text/plain", "%PDF-\x00\x01\xff"), dossier.BadText, "content[0].attachment.data: not a text in the character set it claims"},
		{"no UTF-8 that claims to be", inline("text/plain;charset=utf-8", "caf\xe9"), dossier.BadText, "content[0].attachment.data: not a text in the character set it claims"},
		{"unknown character set", inline("text/plain; charset=x-onbekend", "caf\xe9"), dossier.BadText, "content[0].attachment.data: it is in an unknown character set"},
		{"too long", inline("text/plain", strings.Repeat("x", 1<<20+1)), dossier.TooLarge, "content[0].attachment.data: too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			it := mapOne(t, Mapping{}, with(t, document, content(test.content)...))
			if it.Reason != test.reason || it.Detail != test.detail || !it.EnvelopeRead {
				t.Errorf("got %s %s %q", it.State, it.Reason, it.Detail)
			}
		})
	}
	right := inline("text/plain", "tekst", `,"size":5,"hash":"yMQ45Wb2Z2F6/lmmdLr2X4ViNt4="`)
	if it := mapOne(t, Mapping{}, with(t, document, content(right)...)); it.State != dossier.StateShown {
		t.Errorf("got %s %s %q", it.State, it.Reason, it.Detail)
	}
}

func TestDocumentWithoutContentIsHidden(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content string
		reason  dossier.Reason
	}{
		"none":             {`[]`, dossier.HiddenNotADocument},
		"nothing in":       {`[{"attachment":{"contentType":"text/plain"}}]`, dossier.HiddenNotADocument},
		"empty text":       {`[{"attachment":` + inline("text/plain", " \n") + `}]`, dossier.HiddenEmpty},
		"said to be empty": {`[{"attachment":{"contentType":"text/plain","size":0,"title":"Verslag"}}]`, dossier.HiddenEmpty},
		"HTML of none":     {`[{"attachment":` + inline("text/html", "<p></p>") + `}]`, dossier.HiddenEmpty},
	} {
		if it := mapOne(t, Mapping{}, with(t, document, "content", test.content)); it.State != dossier.StateHidden || it.Reason != test.reason {
			t.Errorf("%s: got %s %s", name, it.State, it.Reason)
		}
	}
}

func TestDocumentDatesAndTitle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		change    []string
		at, title string
	}{
		{"context period", []string{"date", "", "context", `{"period":{"start":"2025-01-02"}}`}, "2025-01-02", "Verslag"},
		{"lastUpdated", []string{"date", ""}, "2025-03-04T09:15:22Z", "Verslag"},
		{"type for title", []string{"description", "", "type", `{"coding":[{"code":"x","display":"Brief"}]}`}, "2025-03-04T08:40:00+01:00", "Brief"},
		{"no title", []string{"description", ""}, "2025-03-04T08:40:00+01:00", ""},
	} {
		got := contentOf[*dossier.Report](t, Mapping{}, with(t, document, test.change...))
		if got.At.Literal != test.at || got.Title != test.title {
			t.Errorf("%s: got %s %q", test.name, got.At.Literal, got.Title)
		}
	}
}
