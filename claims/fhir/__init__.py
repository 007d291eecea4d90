"""FHIR R4 ``Claim`` and ``ExplanationOfBenefit`` as claim records with fee lines (extra ``fhir``)."""
