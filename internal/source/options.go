package source

import (
	"fmt"

	"sagasu/api"
)

// Options say what is read, and what becomes of it.
type Options struct {
	// Globs restrict the files: a file is read if one of them matches. A pattern without a slash is held against the
	// name of the file, another one against its path under the root; "**" stands for any number of directories. None
	// of them reads all files of the kinds known.
	Globs []string
	// IDField names the member, column or key of front matter that holds the document's id. Empty takes "id" where
	// there is one.
	IDField string
	// FieldMap renames what is read: from name to name, "" for what is left out.
	FieldMap map[string]string
	// Schema is that of the index: what it does not have is left out, and texts become what its fields hold.
	Schema *api.Schema
}

// Validate gives ErrGlob for a pattern that can't be, and an error for a mapping to a field that the index lacks.
func (o *Options) Validate() error {
	for _, glob := range o.Globs {
		if err := checkGlob(glob); err != nil {
			return err
		}
	}
	for from, to := range o.FieldMap {
		if _, ok := o.Schema.Fields[to]; !ok && to != "" && to != "id" {
			return fmt.Errorf("field %q can't become %q, which is no field of the index", from, to)
		}
	}
	return nil
}
