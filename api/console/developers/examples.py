"""Documents that work as they are, to begin with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.console.words import N_


@dataclass(frozen=True, slots=True)
class Example:
    """A document with its variables as JSON. `label` is English, and translated where it is shown."""

    label: str
    document: str
    variables: str = "{}"


EXAMPLES: Final[Mapping[str, Example]] = {
    "newest": Example(
        N_("The newest refunds"),
        """query Newest($first: Int!) {
  refunds(first: $first) {
    edges {
      node {
        id
        status
        amount {
          display
        }
        payment {
          method
          orderReference
        }
      }
    }
  }
}
""",
        '{ "first": 10 }',
    ),
    "search": Example(
        N_("Whatever a text names"),
        """query Search($text: String!) {
  search(text: $text) {
    refunds {
      id
      status
      requestId
    }
    payments {
      id
      refundable {
        display
      }
    }
  }
}
""",
        '{ "text": "10477" }',
    ),
    "figures": Example(
        N_("How refunds go"),
        """query Figures {
  refundFigures {
    states {
      status
      count
    }
    ways {
      pse
      method
      succeeded
      failed
      secondsP50
      secondsP90
    }
  }
}
""",
    ),
    "code": Example(
        N_("What a PSE's code means"),
        """query Code($pse: String!, $code: String!, $locale: String!) {
  pseErrorExplanation(pse: $pse, code: $code, locale: $locale) {
    meaning
    action
  }
}
""",
        '{ "pse": "adyen", "code": "2", "locale": "pt-BR" }',
    ),
}
