// SPDX-License-Identifier: MIT

package schema

import "iter"

// form says which JSON a place in the document may have. A nil form allows any.
type form struct {
	kind    jsonKind
	members map[string]*form // of an object whose keys are the format's
	each    *form            // of a list, and of an object whose keys are the author's
	ordered bool             // the order of the keys matters
}

// words returns the names of the members that have an effect.
func (f *form) words() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range f.members {
			if name != withoutEffect && !yield(name) {
				return
			}
		}
	}
}

// jsonKind is a set of JSON's types.
type jsonKind uint8

const (
	jsonText jsonKind = 1 << iota
	jsonWhole
	jsonNumber
	jsonTruth
	jsonList
	jsonObject
	jsonNull
)

var jsonKinds = []struct {
	kind jsonKind
	name string
}{
	{jsonText, "a text"},
	{jsonWhole, "a whole number"},
	{jsonNumber, "a number"},
	{jsonTruth, "true or false"},
	{jsonList, "a list"},
	{jsonObject, "an object"},
	{jsonNull, "null"},
}

// String is the types in words.
func (k jsonKind) String() (names string) {
	for _, one := range jsonKinds {
		switch {
		case k&one.kind == 0 || one.kind == jsonNumber && k&jsonWhole != 0: // a whole number is a number too
		case names == "":
			names = one.name
		default:
			names += " or " + one.name
		}
	}
	return names
}

var (
	aText   = &form{kind: jsonText}
	aWhole  = &form{kind: jsonWhole}
	aNumber = &form{kind: jsonNumber}
	texts   = &form{kind: jsonList, each: aText}
)

func object(members map[string]*form) *form { return &form{kind: jsonObject, members: members} }

func objectOf(each *form) *form { return &form{kind: jsonObject, each: each} }

var fieldForm = object(map[string]*form{
	"type":        {kind: jsonText | jsonList, each: aText},
	"spans":       texts,
	"values":      texts,
	"pattern":     aText,
	"otherwise":   aText,
	"minimum":     aNumber,
	"maximum":     aNumber,
	"as_text":     {kind: jsonTruth},
	"source":      aText,
	"constant":    aText,
	"example":     nil,
	"description": aText,
})

// withoutEffect is a member that older schemas have.
const withoutEffect = "record"

// documentForm has JSON's types and the names of members, as schemas/runspan.schema.json
// has them.
var documentForm = object(map[string]*form{
	"$schema":        aText,
	"schema_version": aWhole,
	"service":        aText,
	"destination":    aText,
	"pins":           texts,
	"scope":          aText,
	"limits":         object(map[string]*form{"text_bytes": aWhole, "list_items": aWhole}),
	"spool":          object(map[string]*form{"files": aWhole, "bytes": aWhole, "age_days": aWhole}),
	"linger_ms":      aWhole,
	"spans":          objectOf(aText),
	"resource":       objectOf(fieldForm),
	"attributes":     objectOf(fieldForm),
	"events":         objectOf(&form{kind: jsonObject, each: fieldForm, ordered: true}),
	withoutEffect:    nil,
})
