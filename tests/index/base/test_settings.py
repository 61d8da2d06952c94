import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from index.base.choices import DistanceScale, FaceChoice, Linkage, WatchMode
from index.base.errors import ConfigError
from index.base.settings import Settings, load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def refusal(config: Path | None = None, **overrides: object) -> str:
    """Why the settings are refused: always one line."""
    with pytest.raises(ConfigError) as caught:
        load_settings(config, **overrides)
    text = str(caught.value)
    assert "\n" not in text
    return text


class TestSources:
    def test_nothing_given_means_the_defaults(self, tmp_path: Path) -> None:
        settings = load_settings()
        assert (settings.host, settings.port, settings.tls) == ("127.0.0.1", 8022, True)
        assert settings.inbox == tmp_path / "inbox"
        assert settings.database_path == tmp_path / "data" / "person_count.db"
        assert settings.all_roots == (tmp_path / "inbox",)
        assert (settings.distance, settings.counted_faces) == (
            DistanceScale.CALIBRATED,
            FaceChoice.KEY,
        )

    def test_arguments_win_over_environment_over_file_over_defaults(
        self, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config.write_text("port: 1\nhost: file\nbatch_files: 5\n")
        monkeypatch.setenv("PERSON_COUNT_PORT", "2")
        monkeypatch.setenv("PERSON_COUNT_HOST", "environment")
        settings = load_settings(config, port=3)
        found = (settings.port, settings.host, settings.batch_files, settings.max_file_mib)
        assert found == (3, "environment", 5, 64)

    def test_an_argument_of_none_is_no_argument(self, config: Path) -> None:
        config.write_text("port: 1")
        assert load_settings(config, port=None, host=None).port == 1

    def test_config_yaml_of_the_current_folder_is_read_unasked(self) -> None:
        Path("config.yaml").write_text("port: 77")
        assert load_settings().port == 77

    def test_another_file_replaces_it_altogether(self, config: Path) -> None:
        Path("config.yaml").write_text("port: 77")
        config.write_text("host: other")
        assert load_settings(config).port == 8022

    def test_a_file_that_is_asked_for_must_be_there(self, config: Path) -> None:
        assert refusal(config) == f"there is no configuration file {config}"

    @pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n"])
    def test_an_empty_file_changes_nothing(self, config: Path, text: str) -> None:
        config.write_text(text)
        assert load_settings(config).port == 8022

    def test_variables_are_read_whatever_their_case(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("person_count_port", "5")
        assert load_settings().port == 5

    def test_lists_in_the_environment_are_json(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERSON_COUNT_ROOTS", '["/photos", "/more"]')
        assert load_settings().roots == (Path("/photos"), Path("/more"))

    def test_null_in_the_environment_takes_a_setting_back(
        self, config: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config.write_text("tokens: data/tokens\nretention_days: 30\n")
        monkeypatch.setenv("PERSON_COUNT_TOKENS", "null")
        monkeypatch.setenv("PERSON_COUNT_RETENTION_DAYS", "null")
        settings = load_settings(config)
        assert (settings.tokens, settings.retention_days) == (None, None)

    def test_paths_become_absolute_where_they_are_read(
        self, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", "/home/ann")
        config.write_text("inbox: drop\ndata: ~/data\nroots: [a, /b]\n")
        settings = load_settings(config)
        os.chdir("/")
        assert settings.inbox == tmp_path / "drop"
        assert settings.data == Path("/home/ann/data")
        assert settings.all_roots == (tmp_path / "drop", tmp_path / "a", Path("/b"))

    def test_choices_are_written_by_name(self, config: Path) -> None:
        config.write_text("distance: cosine\ncounted_faces: one\nlinkage: single\nwatch: polling\n")
        settings = load_settings(config)
        chosen = (settings.distance, settings.counted_faces, settings.linkage, settings.watch)
        assert chosen == (
            DistanceScale.COSINE,
            FaceChoice.ONE,
            Linkage.SINGLE,
            WatchMode.POLLING,
        )

    def test_settings_cannot_be_changed_once_made(self) -> None:
        settings = load_settings()
        with pytest.raises(ValidationError, match="frozen"):
            settings.port = 1  # type: ignore[misc]

    def test_the_shipped_file_is_valid_and_names_the_folders(self) -> None:
        shipped = Path(__file__).resolve().parents[3] / "config.yaml"
        settings = load_settings(shipped)
        assert (settings.inbox.name, settings.data.name) == ("inbox", "data")


class TestRefusals:
    def test_an_unknown_key_is_named(self, config: Path) -> None:
        config.write_text("prot: 8022")
        assert refusal(config).startswith("setting prot: there is no such setting")
        assert refusal(None, prot=1).startswith("setting prot: ")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("port", "-1"),
            ("port", "65536"),
            ("port", "http"),
            ("port", "1.5"),
            ("tls", "maybe"),
            ("device", "tpu"),
            ("device", '"cpu\\n"'),
            ("distance", "euclidean"),
            ("linkage", "ward"),
            ("counted_faces", "two"),
            ("watch", "never"),
            ("settle_seconds", "-0.1"),
            ("settle_seconds", "601"),
            ("settle_seconds", ".nan"),
            ("scan_seconds", "0"),
            ("poll_seconds", "0"),
            ("batch_files", "0"),
            ("batch_files", "1025"),
            ("batch_wait_seconds", "61"),
            ("max_file_mib", "0"),
            ("max_megapixels", "501"),
            ("snapshot_changes", "0"),
            ("wait_seconds", ".inf"),
            ("max_request_files", "0"),
            ("max_request_faces", "0"),
            ("inbox", "[a]"),
            ("inbox", ""),
            ("roots", "/a"),
        ],
    )
    def test_a_bad_value_is_named_with_its_setting(
        self, config: Path, name: str, value: str
    ) -> None:
        config.write_text(f"{name}: {value}\n")
        text = refusal(config)
        assert text.startswith(f"setting {name}: ")
        assert "(given: " in text

    def test_a_bad_value_in_the_environment_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PERSON_COUNT_PORT", "http")
        assert refusal().startswith("setting port: ")

    def test_a_malformed_list_in_the_environment_is_not_blamed_on_the_file(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PERSON_COUNT_ROOTS", "/photos:/more")
        text = refusal()
        assert "roots" in text
        assert "config.yaml" not in text

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("port: [1\n", id="not closed"),
            pytest.param("port: 1\n  host: x\n", id="badly indented"),
            pytest.param("port: \t1\n\t- x", id="tabs"),
            pytest.param("- port\n- host\n", id="a list"),
            pytest.param("just text", id="a text"),
            pytest.param("1: x", id="a key that is no name"),
            pytest.param("port: !!python/object/apply:os.getcwd []", id="code"),
        ],
    )
    def test_a_malformed_file_is_named_in_one_line(self, config: Path, text: str) -> None:
        config.write_text(text)
        assert str(config) in refusal(config)

    def test_a_file_that_is_no_text_is_named(self, config: Path) -> None:
        config.write_bytes(b"\xff\xfeport: 1")
        assert str(config) in refusal(config)

    def test_every_setting_says_what_it_is_for(self) -> None:
        silent = [name for name, field in Settings.model_fields.items() if not field.description]
        assert silent == []


@pytest.mark.parametrize(
    ("inbox", "root"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "link"), ("a", "link/b")]
)
def test_roots_inside_each_other_are_refused(tmp_path: Path, inbox: str, root: str) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    said = refusal(inbox=tmp_path / inbox, roots=(tmp_path / "ab", tmp_path / root))
    assert "setting roots: " in said
    assert "keep one of the two" in said


def test_roots_whose_names_only_begin_alike_are_fine(tmp_path: Path) -> None:
    made = load_settings(inbox=tmp_path / "a", roots=(tmp_path / "ab", tmp_path / "b/a"))
    assert len(made.all_roots) == 3


class TestFolders:
    @pytest.mark.parametrize("name", ["inbox", "data", "tokens", "tls_certificate", "host"])
    def test_an_empty_value_is_no_value(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(f"PERSON_COUNT_{name.upper()}", "")
        assert f"setting {name}: " in refusal()

    def test_an_empty_root_does_not_mean_this_folder(self, config: Path) -> None:
        config.write_text('roots: [""]\n')
        assert "setting roots.0: is empty" in refusal(config)

    def test_the_home_of_nobody_is_named(self, config: Path) -> None:
        config.write_text("inbox: ~no-such-user-here/photos\n")
        assert "setting inbox: names the home of a user who does not exist" in refusal(config)

    @pytest.mark.parametrize("data", ["photos", "photos/data", "photos/a/b"])
    def test_a_data_folder_that_would_be_watched_is_refused(
        self, config: Path, tmp_path: Path, data: str
    ) -> None:
        config.write_text(f"inbox: {tmp_path}/photos\ndata: {tmp_path}/{data}\n")
        assert f"setting data: {tmp_path}/{data} is, or lies in, {tmp_path}/photos" in refusal(
            config
        )

    def test_so_is_one_that_a_link_leads_to_and_one_in_another_root(
        self, config: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "more" / "data").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "more" / "data")
        config.write_text(f"roots: [{tmp_path}/more]\ndata: {tmp_path}/link\n")
        assert "setting data: " in refusal(config)

    @pytest.mark.parametrize("data", ["photos/.library", ".photos", "photos-data", "."])
    def test_one_that_is_not_watched_is_taken(
        self, config: Path, tmp_path: Path, data: str
    ) -> None:
        config.write_text(f"inbox: {tmp_path}/photos\ndata: {tmp_path}/{data}\n")
        assert load_settings(config).data == (tmp_path / data).absolute()


class TestReplaced:
    def test_the_file_is_told_the_settings_new_name(self, config: Path) -> None:
        config.write_text("weights: casia-webface")
        said = "setting weights is called model now: for casia-webface write model: facenet,"
        assert refusal(config).startswith(said)

    @pytest.mark.parametrize("variable", ["PERSON_COUNT_WEIGHTS", "person_count_weights"])
    def test_so_is_the_environment_whose_unknown_variables_are_nothing_to_pydantic(
        self, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, "vggface2")
        said = "the environment's PERSON_COUNT_WEIGHTS: setting weights is called model now"
        assert refusal(None).startswith(said)


class TestWords:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("prot: 1\n", "setting prot: there is no such setting; did you mean port?"),
            ("xyz: 1\n", "setting xyz: there is no such setting"),
            ("roots: /a\n", "setting roots: must be a list, such as [a, b] (given: '/a')"),
            ("inbox:\n", "setting inbox: must be a path (given: None)"),
            ("host: 1\n", "setting host: must be text; quote it (given: 1)"),
        ],
    )
    def test_a_mistake_is_told_without_the_librarys_words(
        self, config: Path, text: str, said: str
    ) -> None:
        config.write_text(text)
        assert refusal(config) == said

    def test_a_secret_in_a_setting_that_there_is_not_is_not_repeated(self, config: Path) -> None:
        config.write_text("token: open-sesame\n")
        assert "sesame" not in refusal(config)

    @pytest.mark.parametrize("given", ["/photos", ""])
    def test_a_list_that_is_no_json_is_named_as_the_environment_has_it(
        self, given: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PERSON_COUNT_ROOTS", given)
        assert "PERSON_COUNT_ROOTS must be a list in JSON" in refusal()


class TestRayAddress:
    @pytest.mark.parametrize("given", ["auto", "local", "head:6379", "ray://[::1]:10001"])
    def test_what_names_a_cluster_is_taken(self, config: Path, given: str) -> None:
        config.write_text(f'ray_address: "{given}"')
        assert load_settings(config).ray_address == given

    def test_anything_else_is_refused_with_the_forms(self, config: Path) -> None:
        config.write_text("ray_address: head")
        assert "is no address of Ray; write auto, local, HOST:PORT or" in refusal(config)


class TestIgnore:
    def test_a_list_takes_the_place_of_the_default(self, config: Path) -> None:
        config.write_text('ignore: ["raw/", "#recycle"]')
        assert load_settings(config).ignore == ("raw/", "#recycle")

    def test_what_is_no_pattern_is_refused(self, config: Path) -> None:
        config.write_text('ignore: ["!"]')
        assert "'!' is no pattern of a .gitignore" in refusal(config)

    def test_data_may_lie_where_it_names(self, config: Path, tmp_path: Path) -> None:
        config.write_text('ignore: ["keep/"]')
        inbox = tmp_path / "inbox"
        load_settings(config, inbox=inbox, data=inbox / "keep")
        assert "watched for photos" in refusal(config, inbox=inbox, data=inbox / "@eaDir")


def test_another_data_folder_may_keep_the_networks_of_the_first(tmp_path: Path) -> None:
    """`evaluate` asked for a network to be fetched that the library had long had."""
    settings = Settings(data=tmp_path / "data")
    other = settings.with_networks(settings.networks_folder).model_copy(
        update={"data": tmp_path / "other"}
    )
    assert other.database_path.parent == tmp_path / "other"
    assert other.networks_folder == settings.networks_folder == tmp_path / "data" / "weights"
    assert other.model_copy(update={"roots": ()}).networks_folder == settings.networks_folder
