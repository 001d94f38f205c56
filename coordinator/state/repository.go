package state

import (
	"fmt"
	"slices"
)

// The kinds of repositories.
const (
	RepositoryDir = "dir"
	RepositoryS3  = "s3"
)

// Repository is where snapshots are kept. Credentials are none of it: nodes have them, by the name that Credentials is.
type Repository struct {
	// Name is chosen by whoever makes it, of letters, digits, ".", "_" and "-".
	Name string `json:"name"`
	// Kind is RepositoryDir or RepositoryS3.
	Kind string `json:"kind"`
	// Path is the directory, the same on every node that holds replicas.
	Path string `json:"path,omitempty"`
	// Endpoint is the URL of the S3 server; Bucket, Prefix and Region may be empty but for the first.
	Endpoint    string `json:"endpoint,omitempty"`
	Bucket      string `json:"bucket,omitempty"`
	Prefix      string `json:"prefix,omitempty"`
	Region      string `json:"region,omitempty"`
	VirtualHost bool   `json:"virtual_host,omitempty"`
	Credentials string `json:"credentials,omitempty"`
	// ReadOnly keeps this cluster from writing there.
	ReadOnly bool `json:"read_only,omitempty"`
	// BytesPerSecond bounds what each node sends and fetches; 0 for the cluster's setting.
	BytesPerSecond int64 `json:"bytes_per_second,omitempty"`
	CreatedMillis  int64 `json:"created_millis"`
}

func (r Repository) check() error {
	if err := checkID("name of a repository", r.Name); err != nil {
		return err
	}
	for _, text := range [][2]string{
		{"endpoint", r.Endpoint}, {"bucket", r.Bucket}, {"prefix", r.Prefix}, {"region", r.Region},
		{"credentials", r.Credentials},
	} {
		if err := checkText(text[0]+" of repository "+r.Name, text[1], MaxAddressBytes); err != nil {
			return err
		}
	}
	if err := checkText("path of repository "+r.Name, r.Path, MaxPathBytes); err != nil {
		return err
	}
	switch {
	case r.Kind == RepositoryDir && (r.Path == "" || r.Endpoint != "" || r.Bucket != ""):
		return invalid("repository %s is a directory and needs a path, and nothing of a bucket", r.Name)
	case r.Kind == RepositoryS3 && (r.Path != "" || r.Endpoint == "" || r.Bucket == ""):
		return invalid("repository %s is an S3 store and needs an endpoint and a bucket, and no path", r.Name)
	case r.Kind != RepositoryDir && r.Kind != RepositoryS3:
		return invalid("repository %s is of unknown kind %.64q", r.Name, r.Kind)
	case r.BytesPerSecond < 0:
		return invalid("repository %s has %d bytes per second", r.Name, r.BytesPerSecond)
	}
	return checkMillis("created_millis", r.CreatedMillis)
}

// PutRepository adds a repository, or changes that of its name. One in use does not move to another place:
// ErrRepositoryBusy.
type PutRepository struct {
	Repository Repository `json:"repository"`
}

func (PutRepository) kind() (typ, version uint16) { return TypePutRepository, 1 }

func putRepository(before *View, c PutRepository) (*View, Index, error) {
	r := c.Repository
	if err := r.check(); err != nil {
		return nil, Index{}, fmt.Errorf("put repository: %w", err)
	}
	present, there := before.Repository(r.Name)
	if there {
		r.CreatedMillis = present.CreatedMillis
		if r == present {
			return nil, Index{}, nil
		}
		if !r.samePlace(present) {
			if err := before.repositoryUnused(r.Name); err != nil {
				return nil, Index{}, fmt.Errorf("move repository %q: %w", r.Name, err)
			}
		}
	} else if len(before.repositories) >= MaxRepositories {
		return nil, Index{}, fmt.Errorf("put repository %q: %w: at most %d are allowed", r.Name, ErrLimit, MaxRepositories)
	}
	after := before.clone()
	after.repositories = with(before.repositories, r, repositoryKey)
	return after, Index{}, nil
}

// samePlace reports whether two repositories hold the same objects.
func (r Repository) samePlace(p Repository) bool {
	return r.Kind == p.Kind && r.Path == p.Path && r.Endpoint == p.Endpoint && r.Bucket == p.Bucket && r.Prefix == p.Prefix
}

// DeleteRepository forgets a repository; what is in it stays there. ErrRepositoryNotFound, ErrRepositoryBusy.
type DeleteRepository struct {
	Name string `json:"name"`
}

func (DeleteRepository) kind() (typ, version uint16) { return TypeDeleteRepository, 1 }

func deleteRepository(before *View, c DeleteRepository) (*View, Index, error) {
	_, there := before.Repository(c.Name)
	err := before.repositoryUnused(c.Name)
	if !there {
		err = ErrRepositoryNotFound
	}
	if err != nil {
		return nil, Index{}, fmt.Errorf("delete repository %.64q: %w", c.Name, err)
	}
	after := before.clone()
	after.repositories = without(before.repositories, c.Name, repositoryKey)
	if len(after.repositories) == 0 {
		after.repositories = nil
	}
	after.snapshots = slices.DeleteFunc(slices.Clone(before.snapshots),
		func(s SnapshotRecord) bool { return s.Repository == c.Name })
	if len(after.snapshots) == 0 {
		after.snapshots = nil
	}
	return after, Index{}, nil
}

// repositoryUnused returns ErrRepositoryBusy, and why, while something needs a repository where it is.
func (v *View) repositoryUnused(name string) error {
	if at := slices.IndexFunc(v.schedules, func(s Schedule) bool { return s.Repository == name }); at >= 0 {
		return fmt.Errorf("%w: schedule %s needs it", ErrRepositoryBusy, v.schedules[at].Name)
	}
	if err := v.repositoryIdle(name); err != nil {
		return err
	}
	return v.noRestore(name, "")
}

// repositoryIdle returns ErrRepositoryBusy while a snapshot is taken to a repository, or deleted from it.
func (v *View) repositoryIdle(name string) error {
	at := slices.IndexFunc(v.snapshots, func(s SnapshotRecord) bool {
		return s.Repository == name && (s.State == SnapshotRunning || s.State == SnapshotDeleting)
	})
	if at < 0 {
		return nil
	}
	return fmt.Errorf("%w: snapshot %s is %s", ErrRepositoryBusy, v.snapshots[at].ID, v.snapshots[at].State)
}

// noRestore returns ErrRepositoryBusy while something is restored from a snapshot of a repository, any for "".
func (v *View) noRestore(repository, snapshot string) error {
	for i := range v.indexes {
		r := v.indexes[i].Restore
		if r != nil && r.Repository == repository && (snapshot == "" || r.Snapshot == snapshot) {
			return fmt.Errorf("%w: index %s is restored from it", ErrRepositoryBusy, v.indexes[i].Name)
		}
	}
	return nil
}

// Repository gives the repository of that name.
func (v *View) Repository(name string) (Repository, bool) {
	return lookup(v.repositories, name, repositoryKey)
}

// Repositories gives every repository, ascending by name.
func (v *View) Repositories() []Repository { return v.repositories }

func repositoryKey(r *Repository) string { return r.Name }

// RepositoryBusy reports whether a snapshot is taken to a repository, or deleted from it.
func (v *View) RepositoryBusy(name string) bool { return v.repositoryIdle(name) != nil }
