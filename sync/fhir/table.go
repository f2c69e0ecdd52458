package fhir

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// maxPlaces bounds the places of one table's grid (I12).
const maxPlaces = 1 << 20

// A tableCell is one place in a table.
type tableCell struct {
	text string
	own  bool // a cell begins here; else one that spans several goes on
}

// A tableReader lays out one table.
type tableReader struct {
	w      *htmlWriter
	rows   [][]tableCell
	down   []int // by column: rows for which a cell above goes on
	places int
	layout bool // it is there for its looks: a cell holds another table, or paragraphs
	head   bool // it has header cells
}

// table writes a table: a line for each row, with a sign between its cells. An empty cell keeps its
// place, and so does one that spans several.
func (w *htmlWriter) table(n *html.Node, c textContext) {
	t := tableReader{w: w, layout: isPresentation(n)}
	t.section(n, c)
	for _, foot := range []bool{false, true} { // the foot comes last, wherever it is written
		for child := range n.ChildNodes() {
			if child.Type != html.ElementNode || child.Data == "caption" || (child.Data == "tfoot") != foot {
				continue
			}
			t.rowsIn(child, c)
		}
	}
	t.write()
}

func isPresentation(n *html.Node) bool {
	role := attribute(n, "role")
	return role == "presentation" || role == "none"
}

// section writes what stands in n, a table, outside its rows: captions, and what does not belong.
func (t *tableReader) section(n *html.Node, c textContext) {
	for child := range n.ChildNodes() {
		if child.Type == html.ElementNode {
			switch child.Data {
			case "tr", "td", "th", "thead", "tbody", "tfoot", "col", "colgroup":
				continue
			}
		}
		t.w.node(child, c)
	}
}

// rowsIn reads the rows of n, a part of a table, or a row itself.
func (t *tableReader) rowsIn(n *html.Node, c textContext) {
	switch n.Data {
	case "tr", "thead", "tbody", "tfoot":
	case "td", "th": // without a row
		t.row([]*html.Node{n}, c)
		return
	default:
		return
	}
	l := t.w.doc.sheet.of(n)
	if isUnseen(n) || l.hides() || l.strikes() {
		return
	}
	c.inherit(n, l)
	if n.Data != "tr" {
		t.down = nil
		t.section(n, c)
		for child := range n.ChildNodes() {
			if child.Type == html.ElementNode {
				t.rowsIn(child, c)
			}
		}
		t.down = nil
		return
	}
	var cells []*html.Node
	for child := range n.ChildNodes() {
		if child.Type == html.ElementNode && !isUnseen(child) && !t.w.doc.sheet.of(child).hides() {
			cells = append(cells, child)
		}
	}
	t.row(cells, c)
}

func (t *tableReader) row(cells []*html.Node, c textContext) {
	var row []tableCell
	spanned := func() {
		for len(row) < len(t.down) && t.down[len(row)] > 0 {
			t.down[len(row)]--
			row = append(row, tableCell{})
		}
	}
	for _, cell := range cells {
		spanned()
		text := t.cell(cell, c)
		across, down := spanOf(cell, "colspan", 1000), spanOf(cell, "rowspan", 65534)
		for i := range across {
			if t.places++; t.places > maxPlaces {
				*t.w.doc.left = -1
				return
			}
			for len(t.down) <= len(row) {
				t.down = append(t.down, 0)
			}
			t.down[len(row)] = down - 1
			row = append(row, tableCell{text: text, own: i == 0})
			text = ""
		}
	}
	spanned()
	for i := len(row); i < len(t.down); i++ {
		t.down[i] = max(t.down[i]-1, 0)
	}
	t.rows = append(t.rows, row)
}

// spanOf returns how many places a cell takes. A rowspan of 0 reaches to the end.
func spanOf(n *html.Node, name string, most int) int {
	span, err := strconv.Atoi(strings.TrimSpace(attribute(n, name)))
	switch {
	case err == nil && span == 0 && name == "rowspan":
		return most
	case err != nil || span < 1:
		return 1
	}
	return min(span, most)
}

// cell returns the text of n, a cell or what stands in the place of one.
func (t *tableReader) cell(n *html.Node, c textContext) string {
	l := t.w.doc.sheet.of(n)
	if struckElements[n.Data] || l.strikes() || isRevisedAway(n) {
		return ""
	}
	c.inherit(n, l)
	t.head = t.head || n.Data == "th"
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && d.Data == "table" {
			t.layout = true
			break
		}
	}
	sub := htmlWriter{doc: t.w.doc}
	if n.Data == "td" || n.Data == "th" {
		sub.children(n, c)
	} else {
		sub.node(n, c)
	}
	return string(trimBlank(sub.out))
}

// write writes the rows that say something, without the columns that say nothing.
func (t *tableReader) write() {
	wide := 0
	for _, row := range t.rows {
		wide = max(wide, len(row))
	}
	used := make([]bool, wide)
	columns := 0
	for _, row := range t.rows {
		for i, cell := range row {
			if cell.text != "" && !used[i] {
				used[i] = true
				columns++
			}
			t.layout = t.layout || !t.head && strings.Contains(cell.text, "\n\n")
		}
	}
	for _, row := range t.rows {
		var texts []string
		says := false
		for i := range used {
			if !used[i] {
				continue
			}
			text := ""
			if i < len(row) {
				text = row[i].text
			}
			texts = append(texts, text)
			says = says || text != ""
		}
		if says {
			t.line(texts)
		}
	}
}

const cellBorder = " | "

// line writes one row.
func (t *tableReader) line(texts []string) {
	lines := 1
	even := true
	for _, s := range texts {
		if s == "" {
			continue
		}
		n := strings.Count(s, "\n") + 1
		even = even && (lines == 1 || n == lines) && !strings.Contains(s, "\n\n")
		lines = max(lines, n)
	}
	switch {
	case lines == 1:
		t.put(strings.TrimRight(strings.Join(texts, cellBorder), " "))
	case t.layout:
		for _, s := range texts {
			t.put(s)
		}
	case even && allHave(texts, lines):
		for i := range lines {
			var parts []string
			for _, s := range texts {
				part := ""
				if s != "" {
					part = strings.Split(s, "\n")[i]
				}
				parts = append(parts, strings.TrimSpace(part))
			}
			t.put(strings.TrimRight(strings.Join(parts, cellBorder), " "))
		}
	case allHave(texts[:len(texts)-1], 1):
		t.put(strings.Join(texts[:len(texts)-1], cellBorder) + cellBorder + indent(texts[len(texts)-1], "  "))
	default:
		t.put(texts[0])
		for _, s := range texts[1:] {
			t.put(strings.TrimRight("| "+indent(s, "  "), " "))
		}
	}
}

// allHave reports whether each of texts has that many lines, or none.
func allHave(texts []string, lines int) bool {
	for _, s := range texts {
		if s != "" && strings.Count(s, "\n")+1 != lines {
			return false
		}
	}
	return true
}

// put writes s as lines of its own.
func (t *tableReader) put(s string) {
	if s == "" {
		return
	}
	t.w.lines = max(t.w.lines, 1)
	t.w.flush()
	t.w.write(s)
	t.w.lines = 1
}
