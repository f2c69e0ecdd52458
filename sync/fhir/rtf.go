package fhir

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
)

// maxGroups is how deep groups may nest in RTF.
const maxGroups = 500

// plainRTF returns the text of an RTF document (RTF 1.9.1) without what is hidden, struck out or
// deleted; ok is false where it is not well formed, or holds no words.
func plainRTF(b []byte) (text string, ok bool) {
	r := rtfReader{src: bytes.TrimSpace(b), set: charmap.Windows1252, fonts: map[int]int{}}
	r.group.skipAfter = 1
	for r.at < len(r.src) && r.step() {
	}
	r.flush()
	text = clean(strings.ReplaceAll(r.out.String(), " \n", "\n"))
	return text, !r.broken && len(r.groups) == 0 && isWordy(text)
}

// An rtfGroup is what holds until the end of a group.
type rtfGroup struct {
	skip      bool // a part of the document that is not its text
	hidden    bool
	struck    bool
	deleted   bool
	script    int // 1: superscript, -1: subscript
	skipAfter int // characters after \u that stand for it in other programs
	font      int
	fonts     bool // the font table
}

type rtfReader struct {
	src    []byte
	at     int
	group  rtfGroup
	groups []rtfGroup
	broken bool

	set     encoding.Encoding
	fonts   map[int]int // the character sets of fonts
	bytes   []byte      // to be decoded together
	units   []uint16    // of UTF-16, likewise
	raised  strings.Builder
	kind    int // what is in raised
	out     strings.Builder
	passing int // characters still to pass over after \u
}

// step reads one character or control word; false at the end.
func (r *rtfReader) step() bool {
	c := r.src[r.at]
	r.at++
	switch c {
	case '{':
		if len(r.groups) == maxGroups {
			r.broken = true
			return false
		}
		r.groups = append(r.groups, r.group)
	case '}':
		r.flush()
		n := len(r.groups)
		if n == 0 {
			r.broken = true
			return false
		}
		r.group, r.groups = r.groups[n-1], r.groups[:n-1]
		return n > 1
	case '\\':
		r.control()
	case '\r', '\n', 0:
	default:
		r.char(c)
	}
	return true
}

// char takes one byte of text.
func (r *rtfReader) char(c byte) {
	switch {
	case r.passing > 0:
		r.passing--
	case !r.isUnseen():
		r.write("")
		r.bytes = append(r.bytes, c)
	}
}

func (r *rtfReader) isUnseen() bool {
	g := &r.group
	return g.skip || g.fonts || g.hidden || g.struck || g.deleted
}

// control reads what follows a backslash.
func (r *rtfReader) control() {
	if r.at == len(r.src) {
		return
	}
	c := r.src[r.at]
	if !isLetter(c) {
		r.at++
		r.symbol(c)
		return
	}
	from := r.at
	for r.at < len(r.src) && isLetter(r.src[r.at]) {
		r.at++
	}
	word := string(r.src[from:r.at])
	from = r.at
	if r.at < len(r.src) && r.src[r.at] == '-' {
		r.at++
	}
	for r.at < len(r.src) && '0' <= r.src[r.at] && r.src[r.at] <= '9' && r.at-from < 12 {
		r.at++
	}
	n, err := strconv.Atoi(string(r.src[from:r.at]))
	if r.at < len(r.src) && r.src[r.at] == ' ' {
		r.at++
	}
	r.word(word, n, err == nil)
}

// symbol takes a control that is one character.
func (r *rtfReader) symbol(c byte) {
	switch c {
	case '\'':
		if r.at+2 > len(r.src) {
			r.broken = true
			return
		}
		b, err := strconv.ParseUint(string(r.src[r.at:r.at+2]), 16, 8)
		if r.at += 2; err == nil {
			r.char(byte(b))
		}
	case '*':
		r.group.skip = true // a part that may be ignored by who does not know it
	case '~':
		r.write("\u00a0")
	case '_':
		r.write("-")
	case '\\', '{', '}':
		r.char(c)
	case '\r', '\n':
		r.write("\n")
	}
}

// rtfParts are the destinations that are not text of the document.
var rtfParts = setOf(`colortbl stylesheet info pict object header headerl headerr headerf footer footerl footerr
	footerf fldinst
	listtable listoverridetable revtbl rsidtbl generator themedata colorschememapping datastore latentstyles xmlnstbl
	bkmkstart bkmkend filetbl annotation atnid atnauthor private template`)

// rtfWords are the control words that stand for text.
var rtfWords = map[string]string{
	"par": "\n", "line": "\n", "sect": "\n", "page": "\n", "row": "\n", "tab": "\t", "cell": cellBorder,
	"emdash": "—", "endash": "–",
	"bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
	"emspace": " ", "enspace": " ",
}

func (r *rtfReader) word(word string, n int, has bool) {
	on := !has || n != 0
	switch word {
	case "v":
		r.group.hidden = on
	case "strike", "striked":
		r.group.struck = on
	case "deleted":
		r.group.deleted = on
	case "super", "up":
		r.script(1, on)
	case "sub", "dn":
		r.script(-1, on)
	case "nosupersub":
		r.script(0, true)
	case "plain":
		r.group.hidden, r.group.struck = false, false
		r.script(0, true)
	case "uc":
		r.group.skipAfter = max(n, 0)
	case "u":
		r.unicode(n)
	case "bin":
		r.at = min(len(r.src), r.at+max(n, 0))
	case "ansicpg":
		r.set = codePage(n)
	case "fonttbl":
		r.group.fonts = true
	case "f":
		r.flush()
		r.group.font = n
	case "fcharset":
		if r.group.fonts && len(r.fonts) < 1000 {
			r.fonts[r.group.font] = n
		}
	default:
		if rtfParts[word] {
			r.group.skip = true
		}
		r.write(rtfWords[word])
	}
}

// script says whether what follows is superscript, subscript, or neither.
func (r *rtfReader) script(kind int, on bool) {
	r.flush()
	if r.group.script = kind; !on {
		r.group.script = 0
	}
}

// unicode takes the character n, a unit of UTF-16 that may be written as a negative number.
func (r *rtfReader) unicode(n int) {
	if !r.isUnseen() {
		r.decode()
		r.units = append(r.units, uint16(n))
	}
	r.passing = r.group.skipAfter
}

// decode writes the bytes that were gathered, in the character set of their font.
func (r *rtfReader) decode() {
	if len(r.bytes) == 0 {
		return
	}
	set := r.set
	if n, ok := r.fonts[r.group.font]; ok && fontSets[n] != 0 {
		set = codePage(fontSets[n])
	}
	s, err := set.NewDecoder().Bytes(r.bytes)
	r.broken = r.broken || err != nil
	r.bytes = r.bytes[:0]
	r.put(string(s))
}

// write writes s after what was gathered before it; "" only sees to it that bytes follow units.
func (r *rtfReader) write(s string) {
	if len(r.units) > 0 {
		units := r.units
		r.units = nil
		r.put(string(utf16.Decode(units)))
	}
	if s != "" && !r.isUnseen() {
		r.decode()
		r.put(s)
	}
}

// put writes s as it is, or keeps it until all that is raised together is there.
func (r *rtfReader) put(s string) {
	if r.kind != r.group.script {
		r.settle()
		r.kind = r.group.script
	}
	if r.kind != 0 {
		r.raised.WriteString(s)
		return
	}
	r.out.WriteString(s)
}

// settle writes what was raised.
func (r *rtfReader) settle() {
	if s := r.raised.String(); r.kind != 0 && strings.TrimSpace(s) != "" {
		before := []rune(r.out.String()[max(0, r.out.Len()-4):])
		last := rune(0)
		if len(before) > 0 {
			last = before[len(before)-1]
		}
		r.out.WriteString(raised(strings.TrimSpace(s), r.kind > 0, last))
	}
	r.raised.Reset()
}

// flush writes all that was gathered.
func (r *rtfReader) flush() {
	if len(r.units) > 0 {
		units := r.units
		r.units = nil
		r.put(string(utf16.Decode(units)))
	}
	r.decode()
	r.settle()
	r.kind = 0
}

// fontSets are the code pages of the character sets of fonts.
var fontSets = map[int]int{
	77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258,
	177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250,
}

// codePage returns the character set with this number in Windows, Windows-1252 if it is not known.
func codePage(n int) encoding.Encoding {
	switch n {
	case 437:
		return charmap.CodePage437
	case 850:
		return charmap.CodePage850
	case 10000:
		return charmap.Macintosh
	case 65001:
		return encoding.Nop
	}
	name := "windows-" + strconv.Itoa(n)
	switch n {
	case 932:
		name = "shift_jis"
	case 936:
		name = "gbk"
	case 949:
		name = "euc-kr"
	case 950:
		name = "big5"
	}
	if e, _ := charset.Lookup(name); e != nil {
		return e
	}
	return charmap.Windows1252
}
