package sparse

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"sagasu/api"
	"sagasu/internal/vfs"
)

var errDisk = errors.New("input/output error")

// faultFS fails to sync files whose path contains a text.
type faultFS struct {
	vfs.FS
	sync string
}

type faultFile struct{ vfs.File }

func (faultFile) Sync() error { return errDisk }

func (f faultFS) Create(path string) (vfs.File, error) {
	file, err := f.FS.Create(path)
	if err == nil && strings.Contains(path, f.sync) {
		return faultFile{file}, nil
	}
	return file, err
}

// unsyncedFS syncs nothing: for tests of answers, which no crash interrupts and which write many files.
type unsyncedFS struct{ vfs.FS }

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error        { return nil }
func (unsyncedFS) SyncDir(string) error { return nil }

func (f unsyncedFS) Create(path string) (vfs.File, error) {
	file, err := f.FS.Create(path)
	return unsyncedFile{file}, err
}

func TestFailedSyncStopsTheIndexForGood(t *testing.T) {
	for _, name := range []string{segmentSuffix, manifestTempName} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
			cfg.FS = faultFS{FS: vfs.OS(), sync: name}
			x := openTest(t, cfg)
			apply(t, x, 1, put("a", "ant"))
			_, err := x.Flush(context.Background())
			require.ErrorIs(t, err, errDisk)
			<-x.Failed()
			require.ErrorIs(t, x.Err(), errDisk)
			require.Zero(t, x.DurableIndex())
			_, err = x.Apply(Batch{Index: 2})
			require.ErrorIs(t, err, errDisk)
			require.NoError(t, x.Close())

			cfg.FS = vfs.OS()
			x = openTest(t, cfg)
			require.Zero(t, x.AppliedIndex())
			apply(t, x, 1, put("a", "ant"))
			require.Equal(t, []string{"a"}, titles(t, x, "ant"))
			require.NoError(t, x.Close())
		})
	}
}

func TestApplyThatWaitsForRoomLearnsOfAFailure(t *testing.T) {
	cfg := testConfig(t.TempDir(), testSchema(1.2, 0.75))
	cfg.FS = faultFS{FS: vfs.OS(), sync: segmentSuffix}
	cfg.FlushBytes = 1
	x := openTest(t, cfg)
	var err error
	for i := uint64(1); err == nil && i <= 100; i++ {
		_, err = x.Apply(Batch{Index: i, Writes: []api.Write{put("a", "ant")}})
	}
	require.ErrorIs(t, err, errDisk)
	require.NoError(t, x.Close())
}
