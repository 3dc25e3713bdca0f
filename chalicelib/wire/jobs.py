"""Jobs and job templates over the wire."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo, field_validator

from chalicelib.wire.drafts import ABSENT, Faulty, Wire
from chalicelib.wire.fields import Id, LongText, Name, Object, ShortText, _no_bool, one_of, storable
from shared import conditions, inputs
from shared.errors import Fault, Invalid
from shared.job import DEFAULT_TIMEOUT_SECONDS, MAX_TIMEOUT_SECONDS, Condition, JobInputType, JobTemplate
from shared.store.jobs import StoredJob

JobType = Annotated[ShortText, AfterValidator(str.lower)]
