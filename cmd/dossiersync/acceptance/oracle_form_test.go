package acceptance

import (
	"slices"
	"strings"
)

// formView is a form as a person reads it.
type formView struct {
	timeView
	Title, Author, CorrectedAt string
	Lines                      []string // one per question, with its answers; nested questions are indented
}

func (o *oracle) forms(clients map[string]*shownDossier) {
	for key, x := range o.of("QuestionnaireResponse") {
		d := ownerOf(clients, x, "subject")
		if d == nil || !isForClients(x) || !slices.Contains([]string{"completed", "amended"}, x.text("status")) {
			continue
		}
		f := formFiller{oracle: o, questions: make(map[string]resource), answers: make(map[string][]resource)}
		definition := o.definition(x.text("questionnaire"))
		f.indexQuestions(definition)
		f.collectAnswers(x)
		f.items("", x.parts("item"))
		if !f.answered {
			continue
		}
		v := formView{Title: definition.text("title"), Lines: f.lines}
		if v.Title == "" {
			v.Title = "Vragenlijst" // the singular of the organisation's word
		}
		v.timeView, _ = o.timeOf(x.text("authored"), x.text("meta", "lastUpdated"))
		if x.text("status") == "amended" {
			v.CorrectedAt = o.formatted(x.text("meta", "lastUpdated"))
		}
		by := []resource{x.part("author")}
		if source := x.part("source"); source.text("reference") != by[0].text("reference") {
			by = append(by, source)
		}
		v.Author = o.author(x, by...)
		d.Forms[key] = v
	}
}

// definition returns the questionnaire that a form answers: the one with its version, else
// the one written last. A version that is missing among others has none.
func (o *oracle) definition(canonical string) resource {
	url, version, _ := strings.Cut(canonical, "|")
	var exact, last resource
	newer := func(x, than resource) bool {
		return than == nil || x.text("meta", "lastUpdated") >= than.text("meta", "lastUpdated")
	}
	for _, x := range o.of("Questionnaire") {
		if x.text("url") != url || url == "" || !isForClients(x) {
			continue
		}
		if version != "" && x.text("version") == version && newer(x, exact) {
			exact = x
		}
		if newer(x, last) {
			last = x
		}
	}
	if exact != nil {
		return exact
	}
	if version != "" && last.text("version") != "" {
		return nil
	}
	return last
}

// formFiller writes the lines of one form.
type formFiller struct {
	*oracle
	questions map[string]resource   // by linkId
	answers   map[string][]resource // answers, by linkId
	lines     []string
	answered  bool
}

func (f *formFiller) indexQuestions(x resource) {
	for _, q := range x.parts("item") {
		f.questions[q.text("linkId")] = q
		f.indexQuestions(q)
	}
}

// collectAnswers collects all answers in x.
func (f *formFiller) collectAnswers(x resource) {
	for _, it := range x.parts("item") {
		for _, a := range it.parts("answer") {
			f.answers[it.text("linkId")] = append(f.answers[it.text("linkId")], a)
			f.collectAnswers(a)
		}
		f.collectAnswers(it)
	}
}

func (f *formFiller) items(indent string, items []resource) {
	for _, it := range items {
		q := f.questions[it.text("linkId")]
		if isHidden(q) || !f.isAsked(q) {
			continue
		}
		label := q.text("text")
		if label == "" {
			label = it.text("text")
		}
		if label == "" && len(it.parts("item")) == 0 {
			label = "Vraag niet beschikbaar"
		}
		line := len(f.lines)
		f.lines = append(f.lines, "")
		var answers []string
		for _, a := range it.parts("answer") {
			answers = append(answers, f.answerText(q, a))
			f.answered = true
			f.items(indent+"  > ", a.parts("item"))
		}
		f.lines[line] = indent + foldSpace(label) + ": " + strings.Join(answers, " / ")
		f.items(indent+"  ", it.parts("item"))
	}
}

func isHidden(q resource) bool {
	return slices.ContainsFunc(q.parts("extension"), func(e resource) bool {
		return strings.HasSuffix(e.text("url"), "/questionnaire-hidden") && e.hasBool("valueBoolean", true)
	})
}

// isAsked evaluates enableWhen, of which the simulator writes one kind only.
func (f *formFiller) isAsked(q resource) bool {
	for _, c := range q.parts("enableWhen") {
		trigger := c.text("question")
		if isHidden(f.questions[trigger]) {
			continue // it may have been computed again since
		}
		if len(f.answers[trigger]) == 0 && f.isAsked(f.questions[trigger]) {
			continue // it may have been answered, and not sent
		}
		met := slices.ContainsFunc(f.answers[trigger], func(a resource) bool {
			if code := c.text("answerCoding", "code"); code != "" {
				return a.text("valueCoding", "code") == code
			}
			return a["valueBoolean"] == c["answerBoolean"]
		})
		if !met {
			return false
		}
	}
	return true
}

// answerText returns an answer in Dutch.
func (f *formFiller) answerText(q, a resource) string {
	comma := func(s string) string { return strings.Replace(s, ".", ",", 1) }
	switch {
	case a.hasBool("valueBoolean", true):
		return "Ja"
	case a.hasBool("valueBoolean", false):
		return "Nee"
	case a["valueDecimal"] != nil:
		return comma(a.text("valueDecimal"))
	case a["valueInteger"] != nil:
		return a.text("valueInteger")
	case a["valueDate"] != nil:
		return f.dutchMoment(a.text("valueDate"))
	case a["valueDateTime"] != nil:
		return f.dutchMoment(a.text("valueDateTime"))
	case a["valueTime"] != nil:
		return a.text("valueTime")[:len("15:04")]
	case a["valueString"] != nil:
		return foldSpace(a.text("valueString"))
	case a["valueUri"] != nil:
		return a.text("valueUri")
	case a["valueQuantity"] != nil:
		return foldSpace(comma(a.text("valueQuantity", "value")) + " " + a.text("valueQuantity", "unit"))
	case a["valueAttachment"] != nil:
		return a.text("valueAttachment", "title")
	case a["valueReference"] != nil:
		named := f.all[a.text("valueReference", "reference")]
		switch s := a.text("valueReference", "display"); {
		case named != nil && !isForClients(named):
			return "Niet beschikbaar"
		case s != "":
			return s
		case named == nil:
			return "Niet beschikbaar"
		}
		return f.name(named)
	}
	return f.codingText(q, a.part("valueCoding"))
}

// codingText returns the display of a coding: its own, else that of the question's option.
func (f *formFiller) codingText(q, c resource) string {
	if s := c.text("display"); s != "" {
		return s
	}
	for _, option := range q.parts("answerOption") {
		o := option.part("valueCoding")
		if o.text("code") == c.text("code") && o.text("system") == c.text("system") {
			return o.text("display")
		}
	}
	return "Antwoord zonder tekst (code " + c.text("code") + ")"
}
