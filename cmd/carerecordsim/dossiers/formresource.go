package dossiers

import "dossiersync/cmd/carerecordsim/dossiers/dutch"

type questionnaire struct {
	ResourceType string         `json:"resourceType"`
	ID           string         `json:"id"`
	URL          string         `json:"url"`
	Version      string         `json:"version"`
	Title        string         `json:"title"`
	Status       string         `json:"status"`
	SubjectType  []string       `json:"subjectType"`
	Date         string         `json:"date"`
	Publisher    string         `json:"publisher"`
	Item         []questionItem `json:"item"`
}

type questionItem struct {
	Extension    []extension    `json:"extension,omitempty"`
	LinkID       string         `json:"linkId"`
	Text         string         `json:"text"`
	Type         string         `json:"type"`
	EnableWhen   []enableWhen   `json:"enableWhen,omitempty"`
	Required     bool           `json:"required,omitempty"`
	Repeats      bool           `json:"repeats,omitempty"`
	ReadOnly     bool           `json:"readOnly,omitempty"`
	AnswerOption []answerOption `json:"answerOption,omitempty"`
	Item         []questionItem `json:"item,omitempty"`
}

type enableWhen struct {
	Question      string  `json:"question"`
	Operator      string  `json:"operator"`
	AnswerBoolean *bool   `json:"answerBoolean,omitempty"`
	AnswerCoding  *coding `json:"answerCoding,omitempty"`
}

type answerOption struct {
	ValueCoding coding `json:"valueCoding"`
}

type questionnaireResponse struct {
	ResourceType  string         `json:"resourceType"`
	ID            string         `json:"id"`
	Meta          *meta          `json:"meta,omitempty"`
	Questionnaire string         `json:"questionnaire,omitempty"`
	Status        string         `json:"status"`
	Subject       reference      `json:"subject"`
	Authored      string         `json:"authored,omitempty"`
	Author        *reference     `json:"author,omitempty"`
	Source        *reference     `json:"source,omitempty"`
	Item          []responseItem `json:"item,omitempty"`
}

type responseItem struct {
	LinkID string         `json:"linkId"`
	Text   string         `json:"text,omitempty"`
	Answer []formAnswer   `json:"answer,omitempty"`
	Item   []responseItem `json:"item,omitempty"`
}

// formAnswer has one of the values, and nested items.
type formAnswer struct {
	ValueBoolean    *bool          `json:"valueBoolean,omitempty"`
	ValueDecimal    any            `json:"valueDecimal,omitempty"`
	ValueInteger    any            `json:"valueInteger,omitempty"`
	ValueDate       string         `json:"valueDate,omitempty"`
	ValueDateTime   string         `json:"valueDateTime,omitempty"`
	ValueTime       string         `json:"valueTime,omitempty"`
	ValueString     string         `json:"valueString,omitempty"`
	ValueURI        string         `json:"valueUri,omitempty"`
	ValueCoding     *coding        `json:"valueCoding,omitempty"`
	ValueQuantity   *quantity      `json:"valueQuantity,omitempty"`
	ValueReference  *reference     `json:"valueReference,omitempty"`
	ValueAttachment *attachment    `json:"valueAttachment,omitempty"`
	Item            []responseItem `json:"item,omitempty"`
}

const (
	fhirExtension = "http://hl7.org/fhir/StructureDefinition/"
	sdcExtension  = "http://hl7.org/fhir/uv/sdc/StructureDefinition/"
)

// canonical returns the URL of a form, without a version.
func canonical(code string) string { return base + "/Questionnaire/" + code }

func codesOf(form *dutch.Form) string { return base + "/antwoord/" + form.Code }

func (org *organisation) questionnaire(form *dutch.Form, date string) questionnaire {
	q := questionnaire{
		ResourceType: "Questionnaire", ID: "vragenlijst-" + form.Code + "-" + form.Version,
		URL: canonical(form.Code), Version: form.Version, Title: form.Title, Status: "active",
		SubjectType: []string{"Patient"}, Date: date, Publisher: org.Organisation,
	}
	q.Item = questionItems(form, form.Questions)
	return q
}

func questionItems(form *dutch.Form, list []*dutch.Question) []questionItem {
	var items []questionItem
	for _, q := range list {
		i := questionItem{
			LinkID: q.Link, Text: q.Text, Type: q.Kind, Repeats: q.Repeats, ReadOnly: q.Total,
			Item: questionItems(form, q.Questions),
		}
		for _, c := range q.Options {
			i.AnswerOption = append(i.AnswerOption, answerOption{*option(form, c, true)})
		}
		if q.After != "" {
			i.EnableWhen = []enableWhen{condition(form, q)}
		}
		i.Extension = traits(q)
		items = append(items, i)
	}
	return items
}

func condition(form *dutch.Form, q *dutch.Question) enableWhen {
	e := enableWhen{Question: q.After, Operator: "="}
	if yes := q.Answer == "true"; yes || q.Answer == "false" {
		e.AnswerBoolean = &yes
	} else {
		e.AnswerCoding = &coding{System: codesOf(form), Code: q.Answer}
	}
	return e
}

func traits(q *dutch.Question) []extension {
	var list []extension
	if q.Hidden {
		list = append(list, extension{URL: fhirExtension + "questionnaire-hidden", ValueBoolean: true})
	}
	if q.Unit != "" {
		list = append(list, extension{
			URL:         fhirExtension + "questionnaire-unit",
			ValueCoding: &coding{System: ucum, Code: q.Unit, Display: q.Unit},
		})
	}
	if q.Total {
		list = append(list, extension{
			URL: sdcExtension + "sdc-questionnaire-calculatedExpression",
			ValueExpression: &expression{"text/fhirpath",
				"%resource.descendants().where(value.ordinal().exists()).value.ordinal().sum()"},
		})
	}
	return list
}

// option returns a choice as a Coding, with its score as an ordinal value.
func option(form *dutch.Form, c dutch.Choice, scored bool) *coding {
	o := &coding{System: codesOf(form), Code: c.Code, Display: c.Label}
	if c.Score != "" && scored {
		o.Extension = []extension{{URL: fhirExtension + "ordinalValue", ValueDecimal: number(c.Score)}}
	}
	return o
}
