package cases

import (
	"crypto/sha1" //nolint:gosec // FHIR R4 says that Attachment.hash is SHA-1
	"fmt"
	"maps"
	"slices"
	"strings"
)

// picture is a PNG of one grey pixel.
var picture = []byte("\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\x0eIDATx\x9cbj\x00\x04\x00\x00\xff\xff\x00\x86\x00\x83L\x9e K\x00\x00\x00\x00IEND\xaeB`\x82")

func merged(parts ...object) object {
	all := object{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

func (m *maker) picture(suffix string) Write { return m.binary(suffix, "image/png", picture) }

func (m *maker) binary(suffix, contentType string, data []byte) Write {
	return m.put("Binary", suffix, object{"contentType": contentType, "data": data})
}

// attached is an inline attachment with size and hash.
func attached(contentType string, data []byte) object {
	sum := sha1.Sum(data) //nolint:gosec // as above
	return object{"contentType": contentType, "data": data, "size": len(data), "hash": sum[:], "title": "Verslag"}
}

func inlineText(text string) object { return attached("text/plain; charset=utf-8", []byte(text)) }

// linked is the same with a URL in place of the content.
func linked(contentType string, data []byte, url string) object {
	a := attached(contentType, data)
	delete(a, "data")
	a["url"] = url
	return a
}

func (m *maker) wildHTML() {
	pages := map[string]string{
		"script":     `<p>Voor<script>document.write("BOOS")</script> en na.</p><SCRIPT SRC=https://boos.example/x.js></SCRIPT>`,
		"handlers":   `<p onclick="boos()" ONMOUSEOVER=boos()>Tekst</p><img src=x onerror=boos()><svg onload=boos()>`,
		"stijl":      `<style>p{display:none}</style><p style="background:url(https://boos.example/pixel)">Tekst met <b>vet</b></p>`,
		"iframe":     `<iframe src="https://boos.example"></iframe><object data="x"></object><embed src=x><p>Tekst</p>`,
		"beeld":      `<p>Foto: <img src="https://boos.example/pixel.png?wie=casus-57" alt="een foto"></p>`,
		"links":      `<a href="javascript:boos()">Klik</a> <a href=" jAvA&#115;cript:boos()">Klik</a> <a href="data:text/html,<script>boos()</script>">Klik</a> <a href="https://casus.example">Goed</a>`,
		"diep":       strings.Repeat("<div>", 5000) + "Diep" + strings.Repeat("</div>", 5000),
		"stuk":       `<p>Niet <b>gesloten <i>en <p>door elkaar</b></i> &nbsp &#x3c;b&#x3e; &onbekend; <`,
		"tabel":      `<table><tr><th>Dag</th><td>maandag</td></tr><tr><th>Uur</th><td>10</td></tr></table><br>Na de tabel<hr><ol><li>Een<li>Twee</ol>`,
		"meta":       `<!DOCTYPE html><html><head><title>Titel</title><meta http-equiv=refresh content="0;url=https://boos.example"><base href="https://boos.example/"></head><body>Tekst</body></html>`,
		"commentaar": `<!-- <p>weg</p> --><p>Blijft</p><![CDATA[ <p>cdata</p> ]]><?php echo 1 ?>`,
	}
	var writes []Write
	for _, name := range []string{"script", "handlers", "stijl", "iframe", "beeld", "links", "diep", "stuk",
		"tabel", "meta", "commentaar"} {
		writes = append(writes, m.document(name, "Document "+name,
			attached("text/html; charset=utf-8", []byte(pages[name]))))
	}
	writes = append(writes,
		m.note("verslag", []object{section("Subjectief",
			`<p>Voor<script>boos()</script> en na.</p><img src="https://boos.example/pixel.png" alt="foto"/>`)}),
		m.report("letterlijk", `Dit is geen <b>html</b>, maar 3 < 4 & 5 > 4 <script>blijft staan</script>`))
	m.start("documents have HTML of every kind", writes...)
}

func (m *maker) otherHost() {
	text := []byte("Dit staat elders.")
	var writes []Write
	for suffix, url := range map[string]string{
		"https":     "https://bestanden.elders.example/verslag.txt",
		"protocol":  "//bestanden.elders.example/verslag.txt",
		"metadata":  "http://169.254.169.254/latest/meta-data/",
		"intern":    "http://localhost:9/verslag.txt",
		"bestand":   "file:///etc/hostname",
		"gebruiker": "https://ecd.example@bestanden.elders.example/verslag.txt",
	} {
		writes = append(writes, m.document(suffix, "Document "+suffix, linked("text/plain", text, url)))
	}
	slices.SortFunc(writes, func(a, b Write) int { return strings.Compare(a.ID, b.ID) })
	m.start("documents are on other hosts", writes...)
}

func (m *maker) mismatched() {
	text := []byte("De inhoud van het bestand.")
	other := []byte("Iets anders dan beloofd.")
	here := func(suffix string) string { return "Binary/" + m.id(suffix) }
	wrongHash := linked("text/plain", text, here("tekst"))
	wrongHash["hash"] = []byte(fmt.Sprintf("%-20s", "geen hash"))
	wrongSize := linked("text/plain", text, here("tekst"))
	wrongSize["size"] = len(text) + 7
	m.start("files do not match their size, hash or type",
		m.binary("tekst", "text/plain", text), m.binary("ander", "text/plain", other),
		m.binary("pdf", "application/pdf", []byte("%PDF-1.4\n%%EOF\n")),
		m.binary("groot", "text/plain", []byte(strings.Repeat("Veel tekst. ", 200_000))),
		m.document("goed", "Klopt", linked("text/plain", text, here("tekst"))),
		m.document("hash", "Verkeerde hash", wrongHash),
		m.document("size", "Verkeerde grootte", wrongSize),
		m.document("inhoud", "Andere inhoud", linked("text/plain", text, here("ander"))),
		m.document("soort", "Andere soort", linked("text/html", []byte("%PDF-1.4\n%%EOF\n"), here("pdf"))),
		m.document("dood", "Bestand is er niet", linked("text/plain", text, here("nergens"))),
		m.document("te-groot", "Heel groot bestand",
			object{"contentType": "text/plain", "url": here("groot"), "title": "Groot"}))
	m.step("one file is deleted, the missing one comes", m.deleted("Binary", "tekst"),
		m.binary("nergens", "text/plain", text))
}

func (m *maker) inline() {
	text := "Ingesloten tekst, met é en €."
	broken := inlineText(text)
	broken["data"] = "dit is % geen base64"
	latin := attached("text/plain; charset=iso-8859-1", []byte("Ge\xefntegreerd in Latin-1."))
	m.start("documents have their files inline",
		m.document("tekst", "Tekst", inlineText(text)),
		m.document("html", "HTML", attached("text/html", []byte("<h1>Kop</h1><p>"+text+"</p>"))),
		m.document("pdf", "PDF", attached("application/pdf", []byte("%PDF-1.4\n%%EOF\n"))),
		m.document("latin", "Latin-1", latin),
		m.document("stuk", "Geen base64", broken),
		m.document("leeg", "Leeg", attached("text/plain", nil), object{"description": "Een leeg document"}),
		m.document("twee", "Tekst en PDF", nil, object{"content": []object{
			{"attachment": inlineText(text)},
			{"attachment": merged(attached("application/pdf", []byte("%PDF-1.4\n%%EOF\n")), object{"title": "ondertekend.pdf"})},
		}}))
}
